"""`GET B/event/eventSchema/{id}`: the Avro schema of a change event, as the Pub/Sub API has it.

Belongs here: the two payload formats. Not here: schemas themselves (changes/shapes.py). Imports messages,
router, surface.
"""

from __future__ import annotations

from typing import Any

import orjson

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.envelope import not_found
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.surface import Surface

COMPACT, EXPANDED = "COMPACT", "EXPANDED"


def event_schema(surface: Surface, request: ApiRequest) -> ApiResponse:
    """The schema with its id as `uuid`: the payload alone (COMPACT), or as CometD tells it (EXPANDED).

    Raises:
        SalesforceError: 404, no event ever had that schema; 400, another payload format.
    """
    shape = surface.org.changes.schema(request.params["id"])
    if shape is None:
        raise not_found()
    wanted = request.query.get("payloadFormat", EXPANDED).upper()
    if wanted not in (COMPACT, EXPANDED):
        raise SalesforceError("INVALID_INPUT", f"payloadFormat is {COMPACT} or {EXPANDED}, not {wanted}")
    payload: dict[str, Any] = orjson.loads(shape.schema_json)
    body = payload if wanted == COMPACT else _expanded(payload)
    return ApiResponse(json={**body, "uuid": shape.schema_id})


def _expanded(payload: dict[str, Any]) -> dict[str, Any]:
    """The envelope of a streamed message around the payload ([I] names of its records)."""
    inner = {key: value for key, value in payload.items() if key != "namespace"}
    place = _record("EventData", [{"name": "replayId", "type": "long"}])
    data = _record(
        "Data",
        [
            {"name": "schema", "type": "string"},
            {"name": "payload", "type": {**inner, "name": f"{payload['name']}Payload"}},
            {"name": "event", "type": place},
        ],
    )
    fields = [{"name": "data", "type": data}, {"name": "channel", "type": "string"}]
    return {**_record(payload["name"], fields), "namespace": payload["namespace"]}


def _record(name: str, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": fields}


ROUTES = (Route(pattern="event/eventSchema/{id}", methods={"GET": event_schema}, in_composite=True),)
