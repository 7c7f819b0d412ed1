"""Change events: what is selected, and where the stream stands.

Belongs here: the control plane's side of changes/. Imports call, the channels.
"""

from __future__ import annotations

from typing import Any, cast

from sf_pipelines.emulator.changes.channels import CHANGE_EVENTS
from sf_pipelines.emulator.control.call import ControlCall
from sf_pipelines.emulator.http.messages import json_error


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
