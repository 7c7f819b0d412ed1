"""The control plane `/emulator/`: what a test does to the org that no client of Salesforce can.

Belongs here: loopback only, which path and method does what. Not here: the acts themselves (beside). Imports
the acts, surface, Starlette.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sf_pipelines.emulator.control import changes, faults, measures, rows
from sf_pipelines.emulator.control.call import Action, ControlCall
from sf_pipelines.emulator.control.resetting import read_info, reset_all
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.body_stream import BodyStream
from sf_pipelines.emulator.http.envelope import not_found
from sf_pipelines.emulator.http.surface import Surface

_LOOPBACK = ("127.0.0.1", "::1", "testclient")
_PREFIX = "/emulator/"

# What each resource does by method. In a path, `{name}` stands for one segment.
RESOURCES: Mapping[str, Mapping[str, Action]] = {
    "info": {"GET": read_info},
    "reset": {"POST": reset_all},
    "clock": {"GET": measures.read_clock, "POST": measures.move_clock},
    "limits": {"GET": measures.read_limits, "POST": measures.put_limits},
    "drains": {"GET": measures.read_drains, "POST": measures.start_drains, "DELETE": measures.end_drains},
    "drains/{name}": {"DELETE": measures.end_drain},
    "latency": {
        "GET": measures.read_latency,
        "POST": measures.put_latency,
        "DELETE": measures.reset_latency,
    },
    "locks": {"GET": measures.read_locks},
    "calls": {"GET": faults.read_calls, "DELETE": faults.clear_calls},
    "faults": {"GET": faults.list_faults, "POST": faults.add_fault, "DELETE": faults.clear_faults},
    "faults/{name}": {"GET": faults.read_fault, "DELETE": faults.remove_fault},
    "faults/{name}/release": {"POST": faults.release_fault},
    "changes": {"GET": changes.read_changes},
    "changes/channels": {"GET": changes.list_channels, "POST": changes.put_channel},
    "changes/channels/{name}": {"DELETE": changes.drop_channel},
    "changes/settings": {"GET": changes.read_settings, "POST": changes.put_settings},
    "changes/gaps": {"POST": changes.add_gap},
    "changes/wildcard": {"POST": changes.add_wildcard},
    "changes/expire": {"POST": changes.expire},
    "changes/reset": {"POST": changes.reset_stream},
    "changes/subscriptions": {"GET": changes.list_subscriptions, "POST": changes.put_subscription},
    "changes/subscriptions/{name}": {"DELETE": changes.drop_subscription},
    "fields": {"POST": rows.add_field},
    "sessions": {"DELETE": measures.end_sessions},
    "seed": {"POST": rows.seed},
    "undelete": {"POST": rows.undelete},
    "dump": {"GET": rows.dump},
    "diff": {"POST": rows.diff},
    "snapshots": {"GET": rows.list_snapshots, "POST": rows.take_snapshot},
    "snapshots/{name}": {"DELETE": rows.drop_snapshot},
    "snapshots/{name}/restore": {"POST": rows.restore_snapshot},
}


async def serve_control(surface: Surface, request: Request) -> Response:
    """Answer one call below `/emulator/`.

    Raises:
        SalesforceError: wrong path, method, body, or a caller from another machine.
    """
    if request.client is None or request.client.host not in _LOOPBACK:
        raise SalesforceError("INSUFFICIENT_ACCESS", "The control plane answers on loopback only", status=403)
    methods, name = _find(request.scope["path"].removeprefix(_PREFIX).strip("/"))
    action = methods.get(request.method)
    if action is None:
        message = f"HTTP Method '{request.method}' not allowed. Allowed are {','.join(methods)}"
        raise SalesforceError("METHOD_NOT_ALLOWED", message, status=405)
    call = ControlCall(
        surface=surface,
        name=name,
        query=dict(request.query_params),
        content=await BodyStream(request.receive).whole(),
        content_type=request.headers.get("content-type", ""),
    )
    # Not in the pool of the clients' calls, all of whose threads may be waiting for this very call.
    answer = action(call) if action in _WAITING else await asyncio.to_thread(action, call)
    if isinstance(answer, Awaitable):
        answer = cast("dict[str, Any]", await answer)
    return answer if isinstance(answer, Response) else JSONResponse(answer)


# These wait in the event loop, where they don't take a thread from the org.
_WAITING: frozenset[Action] = frozenset({faults.read_fault})


def _find(path: str) -> tuple[Mapping[str, Action], str]:
    segments = path.split("/")
    for pattern, methods in RESOURCES.items():
        parts = pattern.split("/")
        if len(parts) == len(segments) and all(
            part in ("{name}", segment) for part, segment in zip(parts, segments, strict=True)
        ):
            return methods, segments[parts.index("{name}")] if "{name}" in parts else ""
    raise not_found()
