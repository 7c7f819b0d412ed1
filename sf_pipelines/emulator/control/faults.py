"""Setting faults, waiting for them, and the list of calls.

Belongs here: the control plane's side of faults/. Imports call, waiting.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from starlette.responses import JSONResponse, Response

from sf_pipelines.emulator.control.call import ControlCall
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.faults.book import SetFault
from sf_pipelines.emulator.http.messages import json_error

DEFAULT_WAIT_SECONDS = 30.0


def list_faults(call: ControlCall) -> dict[str, Any]:
    """`GET faults`: in the order of setting, with hit counts."""
    return {"faults": [entry.as_dict() for entry in call.surface.faults.all()]}


def add_fault(call: ControlCall) -> Response:
    """`POST faults`: 201 with the fault and its name."""
    return JSONResponse(call.surface.faults.add(call.body()).as_dict(), status_code=201)


def clear_faults(call: ControlCall) -> dict[str, Any]:
    """`DELETE faults`: all of them; whoever is held goes on."""
    call.surface.faults.clear()
    return {"faults": []}


async def read_fault(call: ControlCall) -> dict[str, Any]:
    """`GET faults/<name>`; with `?wait=hit` it first waits until the fault has hit at least once.

    Raises:
        SalesforceError: 404, or 408 when `timeout_seconds` (of wall time) went by first.
    """
    entry = call.surface.faults.get(call.name)
    if "wait" in call.query and not await _has_hit(call, entry):
        raise SalesforceError("TIMEOUT", f"The fault {call.name} has not hit in that time", status=408)
    return entry.as_dict()


def remove_fault(call: ControlCall) -> dict[str, Any]:
    """`DELETE faults/<name>`: whoever it holds goes on."""
    entry = call.surface.faults.get(call.name)
    call.surface.faults.remove(call.name)
    return entry.as_dict()


def release_fault(call: ControlCall) -> dict[str, Any]:
    """`POST faults/<name>/release`: whoever it holds goes on, and it stays for the next one."""
    return call.surface.faults.release(call.name).as_dict()


def read_calls(call: ControlCall) -> dict[str, Any]:
    """`GET calls`: the clients' calls since the reset, oldest first, the last 10,000."""
    return {"calls": call.surface.calls.listed()}


def clear_calls(call: ControlCall) -> dict[str, Any]:
    """`DELETE calls`."""
    call.surface.calls.clear()
    return {"calls": []}


async def _has_hit(call: ControlCall, entry: SetFault) -> bool:
    if call.query["wait"] != "hit":
        raise json_error("Faults can be waited for with wait=hit only")
    try:
        timeout_seconds = float(call.query.get("timeout_seconds", DEFAULT_WAIT_SECONDS))
    except ValueError as error:
        raise json_error("timeout_seconds is a number") from error
    if not (isfinite(timeout_seconds) and timeout_seconds >= 0):
        raise json_error("timeout_seconds is a number from 0 on, and finite")
    return await call.surface.faults.has_hit(entry, timeout_seconds)
