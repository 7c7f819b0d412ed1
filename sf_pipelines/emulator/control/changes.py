"""Change events: what is selected, what befalls the stream, who keeps a place in it.

Belongs here: the control plane's side of changes/. Imports call, the channels.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, cast

from sf_pipelines.emulator.changes.channels import CHANGE_EVENTS
from sf_pipelines.emulator.changes.events import GAP_OVERFLOW, GAP_PREFIX, OVERFLOW_ID
from sf_pipelines.emulator.changes.shapes import CHANGE_TYPES
from sf_pipelines.emulator.changes.subscriptions import ManagedSubscription
from sf_pipelines.emulator.control.call import ControlCall
from sf_pipelines.emulator.http.messages import json_error

GAP_TYPES = tuple(name for name in CHANGE_TYPES if name.startswith(GAP_PREFIX))


def read_changes(call: ControlCall) -> dict[str, Any]:
    """`GET changes`: the channels, and the replay id of the stream's end in hexadecimal."""
    bus = call.surface.org.changes
    return {**list_channels(call), "latest_replay_id": bus.log.replay_id(bus.log.end).hex()}


def list_channels(call: ControlCall) -> dict[str, Any]:
    """`GET changes/channels`: each with the objects that are selected for it."""
    channels = call.surface.org.changes.channels.channels()
    return {"channels": {name: sorted(members) for name, members in channels.items()}}


def put_channel(call: ControlCall) -> dict[str, Any]:
    """`POST changes/channels` with `{"channel": "/data/Team__chn", "entities": ["Account"]}`.

    Without `channel` it is the standard one. `"unlimited": true` lifts the limit of five objects.

    Raises:
        SalesforceError: 400, a wrong body or too many objects; 404, an unknown object.
    """
    body = call.body()
    entities = body.get("entities")
    channel, unlimited = body.get("channel", CHANGE_EVENTS), body.get("unlimited")
    is_list = isinstance(entities, list) and all(
        isinstance(name, str) for name in cast("list[Any]", entities)
    )
    if not is_list or not isinstance(channel, str):
        raise json_error("A channel is a text, its entities are a list of object names")
    if unlimited is not None and not isinstance(unlimited, bool):
        raise json_error("unlimited is true or false")
    channels = call.surface.org.changes.channels
    if unlimited is not None:
        channels.is_unlimited = unlimited
    channels.put(channel, cast("list[str]", entities))
    return list_channels(call)


def drop_channel(call: ControlCall) -> dict[str, Any]:
    """`DELETE changes/channels/Team__chn`.

    Raises:
        SalesforceError: 404.
    """
    call.surface.org.changes.channels.drop(f"/data/{call.name}")
    return list_channels(call)


def read_settings(call: ControlCall) -> dict[str, Any]:
    """`GET changes/settings`: the figures of the event bus."""
    return asdict(call.surface.org.changes.settings)


def put_settings(call: ControlCall) -> dict[str, Any]:
    """`POST changes/settings` with some of the figures, as `{"overflow_changes": 100}`.

    Raises:
        SalesforceError: 400, an unknown name or no positive number.
    """
    settings, body = call.surface.org.changes.settings, call.body()
    known = {one.name: type(getattr(settings, one.name)) for one in fields(settings)}
    for name, value in body.items():
        if name not in known:
            raise json_error(f"There is no figure {name}: known are {', '.join(known)}")
        is_number = isinstance(value, (int, known[name])) and not isinstance(value, bool)
        if not is_number or value <= 0:
            raise json_error(f"{name} is a positive number")
    for name, value in body.items():
        setattr(settings, name, known[name](value))
    return asdict(settings)


def add_gap(call: ControlCall) -> dict[str, Any]:
    """`POST changes/gaps` with `{"object": "Account", "change": "GAP_UPDATE", "ids": ["001..."]}`.

    An event without values, as the org tells of a change that it can't tell. Without `ids` an overflow.

    Raises:
        SalesforceError: 400, a wrong body; 404, an unknown object.
    """
    body = call.body()
    ids, change = body.get("ids", [OVERFLOW_ID]), body.get("change", GAP_OVERFLOW)
    if not _is_texts(ids) or change not in GAP_TYPES:
        raise json_error(f"A gap has a list of ids, and its change is one of {', '.join(GAP_TYPES)}")
    call.surface.org.changes.capture.add_gap(change, _sobject(call, body), cast("list[str]", ids))
    return read_changes(call)


def add_wildcard(call: ControlCall) -> dict[str, Any]:
    """`POST changes/wildcard` with `{"object": "Account"}`: values of all its records changed, untold.

    Raises:
        SalesforceError: 404, an unknown object.
    """
    call.surface.org.changes.capture.add_wildcard(_sobject(call, call.body()))
    return read_changes(call)


def expire(call: ControlCall) -> dict[str, Any]:
    """`POST changes/expire`: every event so far is gone, as after its 72 hours."""
    call.surface.org.changes.log.forget_all()
    return read_changes(call)


def reset_stream(call: ControlCall) -> dict[str, Any]:
    """`POST changes/reset`: another stream begins, as after the move of an org; ids count from the start."""
    call.surface.org.changes.capture.reset_stream()
    return read_changes(call)


def list_subscriptions(call: ControlCall) -> dict[str, Any]:
    """`GET changes/subscriptions`: the managed ones."""
    return {"subscriptions": list(map(_as_dict, call.surface.org.changes.subscriptions.all()))}


def put_subscription(call: ControlCall) -> dict[str, Any]:
    """`POST changes/subscriptions` with `{"developer_name": "Warehouse", "topic": "/data/ChangeEvents"}`.

    It takes `default_replay` and `error_recovery_replay` (LATEST or EARLIEST) and `state` (RUN or STOP) too.

    Raises:
        SalesforceError: 400.
    """
    body = call.body()
    known = {"developer_name", "topic", "default_replay", "error_recovery_replay", "state"}
    if not {"developer_name", "topic"} <= set(body) <= known or not _is_texts(list(body.values())):
        raise json_error(f"A managed subscription has texts: {', '.join(sorted(known))}")
    return _as_dict(call.surface.org.changes.subscriptions.put(**body))


def drop_subscription(call: ControlCall) -> dict[str, Any]:
    """`DELETE changes/subscriptions/<developer name>`."""
    call.surface.org.changes.subscriptions.drop(call.name)
    return list_subscriptions(call)


def _as_dict(subscription: ManagedSubscription) -> dict[str, Any]:
    committed = subscription.committed
    return {**asdict(subscription), "committed": None if committed is None else committed.hex()}


def _sobject(call: ControlCall, body: dict[str, Any]) -> str:
    return call.surface.org.schema.object(str(body.get("object", ""))).name


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in cast("list[Any]", value))
