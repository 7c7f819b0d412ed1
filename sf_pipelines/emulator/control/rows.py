"""The org's rows: seed, undelete, dump, diff, snapshots.

Belongs here: the control plane's side of seed/, dump.py, diff.py and snapshots.py. Imports call and those.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from sf_pipelines.emulator.control.call import ControlCall
from sf_pipelines.emulator.diff import diff_rows
from sf_pipelines.emulator.dump import DumpedRow
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.messages import json_error, parse_json
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.results import RowResult
from sf_pipelines.emulator.schema.errors import SchemaError
from sf_pipelines.emulator.seed.plan import SeedError, SeedPlan
from sf_pipelines.emulator.seed.run import seed_org

NDJSON_TYPE = "application/x-ndjson"


def seed(call: ControlCall) -> dict[str, Any]:
    """`POST seed`: `{"seed": 7, "objects": {"Account": 1000, "Contact": 5000}}`; what was made of each."""
    org = call.surface.org
    try:
        plan = SeedPlan.of(org.schema, call.body())
    except SeedError as error:
        raise json_error(str(error)) from error
    return {"seed": plan.seed, "created": seed_org(org, plan)}


def add_field(call: ControlCall) -> dict[str, Any]:
    """`POST fields`: `{"object": "Account", "name": "Tier__c", "type": "text"}`, keys as in a schema file.

    Raises:
        SalesforceError: 400, the field is wrong.
    """
    body = call.body()
    sobject, name = str(body.pop("object", "")), str(body.pop("name", ""))
    try:
        call.surface.org.extend_schema({sobject: {"fields": {name: body}}})
    except SchemaError as error:
        raise json_error(str(error)) from error
    return {"object": sobject, "name": name}


def undelete(call: ControlCall) -> Response:
    """`POST undelete`: `{"ids": ["001..."]}` brings records back from the recycle bin, as REST can't."""
    ids = call.body().get("ids")
    if not isinstance(ids, list) or not all(isinstance(id_, str) for id_ in ids):
        raise json_error('Send {"ids": ["001..."]}')
    results = [_undelete_one(call.surface.org, id_) for id_ in ids]
    return JSONResponse(
        [
            {"id": one.id, "success": one.success, "errors": [error.as_row_error() for error in one.errors]}
            for one in results
        ]
    )


def dump(call: ControlCall) -> Response:
    """`GET dump?objects=Account,Contact`: one JSON object a line, deleted rows too, always in one order."""
    names = call.query.get("objects")
    rows = call.surface.org.dump(None if names is None else names.split(","))
    lines = (orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    return StreamingResponse(iterate_in_threadpool(lines), media_type=NDJSON_TYPE)


def diff(call: ControlCall) -> dict[str, Any]:
    """`POST diff`: what changed since an earlier dump (the body, as NDJSON) or `{"snapshot": "name"}`."""
    surface = call.surface
    if call.content_type.partition(";")[0].strip() == NDJSON_TYPE:
        before = sorted(_dumped(call.content), key=lambda row: (row["sobject"], row["Id"]))
    else:
        before = surface.snapshots.rows(_snapshot_name(call))
    return diff_rows(before, surface.org.dump())


def list_snapshots(call: ControlCall) -> dict[str, Any]:
    """`GET snapshots`."""
    return {"snapshots": call.surface.snapshots.names()}


def take_snapshot(call: ControlCall) -> dict[str, Any]:
    """`POST snapshots`: `{"name": "before"}` keeps the org's rows as they are."""
    name = call.body().get("name")
    if not isinstance(name, str) or not name or "/" in name:
        raise json_error('A snapshot needs a name without slashes: {"name": "before"}')
    call.surface.snapshots.take(name)
    return list_snapshots(call)


def drop_snapshot(call: ControlCall) -> dict[str, Any]:
    """`DELETE snapshots/<name>`."""
    call.surface.snapshots.drop(call.name)
    return list_snapshots(call)


def restore_snapshot(call: ControlCall) -> dict[str, Any]:
    """`POST snapshots/<name>/restore`: the org's rows are again as they were."""
    call.surface.snapshots.restore(call.name)
    return list_snapshots(call)


def _undelete_one(org: Org, id_: str) -> RowResult:
    item = org.schema.by_prefix(id_[:3])
    if item is None:
        unknown = SalesforceError("MALFORMED_ID", f"malformed id {id_}")
        return RowResult(id=None, success=False, errors=(unknown,))
    return org.undelete(item.name, [id_])[0]


def _snapshot_name(call: ControlCall) -> str:
    name = call.body().get("snapshot")
    if not isinstance(name, str):
        raise json_error(f'Send {{"snapshot": "name"}}, or a dump as {NDJSON_TYPE}')
    return name


def _dumped(content: bytes) -> Iterator[DumpedRow]:
    for number, line in enumerate(content.splitlines(), start=1):
        row: Any = parse_json(line)
        if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("sobject", "Id")):
            raise json_error(f"Line {number} isn't a row of a dump: it needs sobject and Id")
        yield row
