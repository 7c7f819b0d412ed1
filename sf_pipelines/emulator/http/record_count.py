"""`B/limits/recordCount`: how many rows each object has.

Belongs here: the resource. Salesforce's counts are approximate; this org's are exact. Not here: queries
(org). Imports messages, router, surface.
"""

from __future__ import annotations

from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.surface import Surface


def record_count(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET ?sObjects=A,B`: all objects when none is named; a name that no object has is left out ([I])."""
    schema = surface.org.schema
    wanted = [name.strip() for name in request.query.get("sObjects", "").split(",") if name.strip()]
    found = [schema.find(name) for name in wanted] if wanted else [*schema.objects.values()]
    names = sorted({item.name for item in found if item is not None})
    counts = [{"count": _count(surface, name), "name": name} for name in names]
    return ApiResponse(json={"sObjects": counts})


def _count(surface: Surface, name: str) -> int:
    return surface.org.query(f"SELECT COUNT() FROM {name}").total_size


ROUTES = (Route(pattern="limits/recordCount", methods={"GET": record_count}),)
