"""What the org says of itself: resource map, describe global and of one object, limits.

Belongs here: read-only resources about the org. Not here: the describe JSON itself (schema/describe.py).
Imports messages, router, surface, schema.
"""

from __future__ import annotations

from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.preconditions import unless_unmodified
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.rows import create_row, recent_items
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.schema.describe import describe_global, describe_object

_BASIC_KEYS_LEFT_OUT = ("fields", "childRelationships", "recordTypeInfos")


def resource_map(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET B/`: the name of everything that is served to its URI."""
    names = sorted({route.parts[0].removeprefix("~") for route in surface.router.routes if route.parts})
    body = {name: f"{request.data_url}/{name}" for name in names}
    body["identity"] = f"{request.base_url}/id/{surface.org.org_id}/{request.session.user_id}"
    return ApiResponse(json=body)


def global_describe(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET B/sobjects`."""
    return ApiResponse(json=describe_global(surface.org.schema, request.version))


def object_describe(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET B/sobjects/X/describe`."""
    return ApiResponse(json=describe_object(surface.org.schema, request.params["sobject"], request.version))


def object_basics(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET B/sobjects/X`: the describe without its fields, and the caller's recent items."""
    whole = describe_object(surface.org.schema, request.params["sobject"], request.version)
    basics = {key: value for key, value in whole.items() if key not in _BASIC_KEYS_LEFT_OUT}
    return ApiResponse(
        json={"objectDescribe": basics, "recentItems": recent_items(surface, request, whole["name"])}
    )


def limits(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET B/limits`."""
    return ApiResponse(json=surface.limits.told())


ROUTES = (
    Route(pattern="", methods={"GET": resource_map}),
    Route(pattern="limits", methods={"GET": limits}, in_composite=True),
    Route(pattern="sobjects", methods={"GET": unless_unmodified(global_describe)}, in_composite=True),
    Route(
        pattern="sobjects/{sobject}", methods={"GET": object_basics, "POST": create_row}, in_composite=True
    ),
    Route(
        pattern="sobjects/{sobject}/describe",
        methods={"GET": unless_unmodified(object_describe)},
        in_composite=True,
    ),
)
