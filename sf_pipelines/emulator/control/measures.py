"""The clock, the limits, the neighbours that drain them, the latency, the row locks.

Belongs here: reading and setting the org's measures. Imports call, latency, long_requests.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

from sf_pipelines.emulator.control.call import ControlCall, is_count
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.messages import json_error
from sf_pipelines.emulator.latency.profile import PROFILES
from sf_pipelines.emulator.latency.triggers import let_transactions_last
from sf_pipelines.emulator.long_requests import CONCURRENT_LONG_REQUESTS

# [D] the dates that a field of Salesforce can hold.
EARLIEST, LATEST = datetime(1700, 1, 1, tzinfo=UTC), datetime(4000, 12, 31, tzinfo=UTC)
_CLOCK_FORMS = (
    'Send {"advance_seconds": number}, {"set": "ISO time with a zone"} or {"frozen": true or false}'
)


def read_clock(call: ControlCall) -> dict[str, Any]:
    """`GET clock`."""
    clock = call.surface.org.clock
    return {"now": clock.now().isoformat(), "frozen": clock.is_frozen}


def move_clock(call: ControlCall) -> dict[str, Any]:
    """`POST clock`: `{"frozen": true}`, `{"advance_seconds": 90}` or `{"set": "2026-01-01T00:00:00Z"}`."""
    body, clock = call.body(), call.surface.org.clock
    frozen = body.get("frozen", clock.is_frozen)
    if not body or not body.keys() <= {"advance_seconds", "set", "frozen"} or not isinstance(frozen, bool):
        raise json_error(_CLOCK_FORMS)
    try:
        start = datetime.fromisoformat(body["set"]) if "set" in body else None
        seconds = float(body.get("advance_seconds", 0))
        is_in_range = EARLIEST <= (start or clock.now()) + timedelta(seconds=seconds) <= LATEST
    except (TypeError, ValueError, OverflowError) as error:
        raise json_error(_CLOCK_FORMS) from error
    if not is_in_range:
        raise json_error(
            f"The clock goes from {EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}, as Salesforce's dates"
        )
    clock.freeze() if frozen else clock.resume()
    if start is not None:
        clock.set(start)
    clock.advance(seconds)
    return read_clock(call)


def read_limits(call: ControlCall) -> dict[str, Any]:
    """`GET limits`: without the lag of `/limits`."""
    return call.surface.limits.snapshot()


def put_limits(call: ControlCall) -> dict[str, Any]:
    """`POST limits`: `{"DailyApiRequests": {"used": 99999, "max": 100000}}`."""
    body, limits = call.body(), call.surface.limits
    for name, wish in body.items():
        if name not in limits.names():
            raise json_error(f"There is no limit {name}")
        counts = [wish.get(key) for key in ("used", "max")] if isinstance(wish, dict) else ["wrong"]
        if not all(count is None or is_count(count) for count in counts):
            raise json_error(
                f'The wish for {name} is {{"used": number, "max": number}}, each of them optional'
            )
    for name, wish in body.items():
        limits.put(name, used=wish.get("used"), maximum=wish.get("max"))
    return limits.snapshot()


def read_drains(call: ControlCall) -> dict[str, Any]:
    """`GET drains`: what neighbour applications leave of each quota that they drain."""
    drains = call.surface.limits.drains()
    if call.surface.long_requests.of_neighbours:
        drains[CONCURRENT_LONG_REQUESTS] = 0
    return {name: {"remaining": kept} for name, kept in sorted(drains.items())}


def start_drains(call: ControlCall) -> dict[str, Any]:
    """`POST drains`: `{"DailyApiRequests": {"remaining": 5}}`."""
    body, surface = call.body(), call.surface
    for name, wish in body.items():
        if name not in (*surface.limits.names(), CONCURRENT_LONG_REQUESTS):
            raise json_error(f"There is no limit {name}")
        if not isinstance(wish, dict) or not is_count(wish.get("remaining", 0)):
            raise json_error(f'The drain of {name} is {{"remaining": number}}')
    for name, wish in body.items():
        if name == CONCURRENT_LONG_REQUESTS:
            most = surface.long_requests.most
            surface.long_requests.of_neighbours = max(0, most - wish.get("remaining", 0))
        else:
            surface.limits.drain(name, wish.get("remaining", 0))
    return read_drains(call)


def end_drains(call: ControlCall) -> dict[str, Any]:
    """`DELETE drains`."""
    for name in call.surface.limits.drains():
        call.surface.limits.end_drain(name)
    call.surface.long_requests.of_neighbours = 0
    return {}


def end_drain(call: ControlCall) -> dict[str, Any]:
    """`DELETE drains/<limit>`."""
    if call.name not in read_drains(call):
        raise SalesforceError("NOT_FOUND", f"Nobody drains {call.name}", status=404)
    if call.name == CONCURRENT_LONG_REQUESTS:
        call.surface.long_requests.of_neighbours = 0
    else:
        call.surface.limits.end_drain(call.name)
    return read_drains(call)


def read_latency(call: ControlCall) -> dict[str, Any]:
    """`GET latency`: the profile in force."""
    return dataclasses.asdict(call.surface.latency.profile)


def put_latency(call: ControlCall) -> dict[str, Any]:
    """`POST latency`: `{"profile": "realistic", "trigger_ms_per_row": {"Account": 50}}`, either or both."""
    body, latency = call.body(), call.surface.latency
    profile, triggers = body.get("profile"), body.get("trigger_ms_per_row", {})
    if not body.keys() <= {"profile", "trigger_ms_per_row"} or profile not in (None, *PROFILES):
        raise json_error(f"Send a profile, one of {', '.join(PROFILES)}, or trigger_ms_per_row")
    if not isinstance(triggers, dict) or not all(_is_duration(value) for value in triggers.values()):
        raise json_error('trigger_ms_per_row is {"Account": milliseconds}; * is every other object')
    if profile is not None:
        latency.profile = PROFILES[profile]
    latency.slow_triggers(triggers)
    let_transactions_last(call.surface.org, latency)
    return read_latency(call)


def reset_latency(call: ControlCall) -> dict[str, Any]:
    """`DELETE latency`: the profile of the start."""
    call.surface.latency.reset()
    let_transactions_last(call.surface.org, call.surface.latency)
    return read_latency(call)


def read_locks(call: ControlCall) -> dict[str, Any]:
    """`GET locks`: the ids of the rows that transactions hold now."""
    return {"ids": list(call.surface.org.transactions.table.held_ids())}


def _is_duration(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def end_sessions(call: ControlCall) -> dict[str, Any]:
    """`DELETE sessions`: every access token and refresh token is revoked; open streams go on."""
    call.surface.sessions.clear()
    return {"sessions": []}
