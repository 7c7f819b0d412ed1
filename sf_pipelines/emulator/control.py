"""The control plane `/emulator/`: what a test does to the org that no client of Salesforce can.

Belongs here: info, reset, clock, limits, seed, undelete. Not here: anything that Salesforce has. Imports
surface, seed, Starlette.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.body_stream import BodyStream
from sf_pipelines.emulator.http.envelope import not_found
from sf_pipelines.emulator.http.messages import json_error, parse_json
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.results import RowResult
from sf_pipelines.emulator.seed.plan import SeedError, SeedPlan
from sf_pipelines.emulator.seed.run import seed_org

_LOOPBACK = ("127.0.0.1", "::1", "testclient")
Body = Mapping[str, Any]


async def serve_control(surface: Surface, request: Request) -> Response:
    """Answer one call below `/emulator/`.

    Raises:
        SalesforceError: wrong path, method, body, or a caller from another machine.
    """
    if request.client is None or request.client.host not in _LOOPBACK:
        raise SalesforceError("INSUFFICIENT_ACCESS", "The control plane answers on loopback only", status=403)
    methods = _RESOURCES.get(request.url.path.removeprefix("/emulator").strip("/"))
    if methods is None:
        raise not_found()
    action = methods.get(request.method)
    if action is None:
        message = f"HTTP Method '{request.method}' not allowed. Allowed are {','.join(methods)}"
        raise SalesforceError("METHOD_NOT_ALLOWED", message, status=405)
    content = await BodyStream(request.receive).whole()
    body = parse_json(content) if content else {}
    if not isinstance(body, dict):
        raise json_error("The body of a control call is a JSON object")
    return JSONResponse(await run_in_threadpool(action, surface, body))


def reset_org(surface: Surface, body: Body) -> dict[str, Any]:
    """Throw away all records, jobs, cursors and use of limits; sessions stay."""
    surface.jobs.clear()
    surface.workers.wait_idle()
    surface.classic.clear()
    surface.cursors.clear()
    surface.recents.clear()
    surface.org.reset()
    surface.limits.reset()
    return {"reset": True}


def _info(surface: Surface, body: Body) -> dict[str, Any]:
    return {
        "organizationId": surface.org.org_id,
        "userId": surface.org.user_id,
        "now": surface.org.clock.now().isoformat(),
        "objects": sorted(surface.org.schema.objects),
        "jobs": len(surface.jobs.all()),
    }


def _read_clock(surface: Surface, body: Body) -> dict[str, Any]:
    return {"now": surface.org.clock.now().isoformat()}


def _move_clock(surface: Surface, body: Body) -> dict[str, Any]:
    """`{"advance_seconds": 90}` or `{"set": "2026-01-01T00:00:00Z"}`."""
    try:
        if "set" in body:
            surface.org.clock.set(datetime.fromisoformat(body["set"]))
        else:
            surface.org.clock.advance(float(body["advance_seconds"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise json_error('Send {"advance_seconds": number} or {"set": "ISO time with a zone"}') from error
    return _read_clock(surface, body)


def _read_limits(surface: Surface, body: Body) -> dict[str, Any]:
    return surface.limits.snapshot()


def _put_limits(surface: Surface, body: Body) -> dict[str, Any]:
    """`{"DailyApiRequests": {"used": 99999, "max": 100000}}`."""
    for name, wish in body.items():
        if name not in surface.limits.names():
            raise json_error(f"There is no limit {name}")
        if not isinstance(wish, dict) or not all(_is_count(wish.get(key)) for key in ("used", "max")):
            raise json_error(
                f'The wish for {name} is {{"used": number, "max": number}}, each of them optional'
            )
        surface.limits.put(name, used=wish.get("used"), maximum=wish.get("max"))
    return surface.limits.snapshot()


def _seed(surface: Surface, body: Body) -> dict[str, Any]:
    """`{"seed": 7, "objects": {"Account": 1000, "Contact": 5000}}`: what was made of each object."""
    try:
        plan = SeedPlan.of(surface.org.schema, body)
    except SeedError as error:
        raise json_error(str(error)) from error
    return {"seed": plan.seed, "created": seed_org(surface.org, plan)}


def _undelete(surface: Surface, body: Body) -> list[dict[str, Any]]:
    """`{"ids": ["001..."]}`: brings records back from the recycle bin, which REST itself can't."""
    ids = body.get("ids")
    if not isinstance(ids, list) or not all(isinstance(id_, str) for id_ in ids):
        raise json_error('Send {"ids": ["001..."]}')
    results = [_undelete_one(surface, id_) for id_ in ids]
    return [
        {"id": result.id, "success": result.success, "errors": [one.as_row_error() for one in result.errors]}
        for result in results
    ]


def _undelete_one(surface: Surface, id_: str) -> RowResult:
    item = surface.org.schema.by_prefix(id_[:3])
    if item is None:
        return RowResult(
            id=None, success=False, errors=(SalesforceError("MALFORMED_ID", f"malformed id {id_}"),)
        )
    return surface.org.undelete(item.name, [id_])[0]


def _is_count(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)


_Action = Callable[[Surface, Body], Any]
_RESOURCES: Mapping[str, Mapping[str, _Action]] = {
    "info": {"GET": _info},
    "reset": {"POST": reset_org},
    "clock": {"GET": _read_clock, "POST": _move_clock},
    "seed": {"POST": _seed},
    "undelete": {"POST": _undelete},
    "limits": {"GET": _read_limits, "POST": _put_limits},
}
