"""Channels of change events and the objects that are selected for them.

Belongs here: names, selection, membership. Not here: events. Imports errors and the schema's nouns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.model import ObjectSchema, OrgSchema

CHANGE_EVENTS = "/data/ChangeEvents"
# [D] section 7.1: five objects over all channels unless the org bought more; a hundred custom channels.
MAX_SELECTED = 5
MAX_CUSTOM_CHANNELS = 100
DEFAULT_SELECTION = ("Account", "Contact", "Opportunity", "Lead", "Case")
_EVENT_SUFFIX, _CUSTOM_EVENT_SUFFIX = "ChangeEvent", "__ChangeEvent"
_CUSTOM_CHANNEL = re.compile(r"/data/[A-Za-z][A-Za-z0-9_]*__chn", re.ASCII)


def event_name(sobject: str) -> str:
    """The API name of an object's change event: AccountChangeEvent, My__ChangeEvent."""
    if sobject.endswith("__c"):
        return sobject.removesuffix("__c") + _CUSTOM_EVENT_SUFFIX
    return sobject + _EVENT_SUFFIX


def channel_of(sobject: str) -> str:
    """The channel of one object's events."""
    return f"/data/{event_name(sobject)}"


class ChannelBook:
    """Which objects are selected for which channel."""

    def __init__(self, schema: Callable[[], OrgSchema], selected: Iterable[str] = ()) -> None:
        """Select `selected` for the standard channel.

        Args:
            schema: of the org, as it is when asked.
            selected: API names of objects, in any case.

        Raises:
            SalesforceError: an object is unknown, or there are too many.
        """
        self._schema = schema
        self._initial = tuple(selected)
        self._channels: dict[str, frozenset[str]] = {CHANGE_EVENTS: frozenset()}
        self.is_unlimited = False
        """The org has bought the selection of more than five objects."""
        self.on_change: Callable[[], None] = lambda: None
        """Called after the set of selected objects may have changed."""
        self.put(CHANGE_EVENTS, self._initial)

    def reset(self) -> None:
        """Select what was selected at the start, and no custom channel."""
        self._channels = {}
        self.is_unlimited = False
        self.put(CHANGE_EVENTS, self._initial)

    @property
    def selected(self) -> frozenset[str]:
        """Every object that is selected for any channel."""
        return frozenset[str]().union(*self._channels.values())

    def channels(self) -> Mapping[str, frozenset[str]]:
        """The standard channel and the custom ones, with their objects."""
        return dict(self._channels)

    def put(self, channel: str, sobjects: Iterable[str]) -> None:
        """Let exactly `sobjects` be selected for `channel`, which may be a new custom one.

        Raises:
            SalesforceError: the channel's name is none, an object is unknown, or there are too many.
        """
        if channel != CHANGE_EVENTS and not _CUSTOM_CHANNEL.fullmatch(channel):
            raise _wrong(f"'{channel}' is neither {CHANGE_EVENTS} nor a custom channel like /data/Team__chn")
        wanted = {**self._channels, channel: frozenset(self._schema().object(name).name for name in sobjects)}
        if len(wanted) - 1 > MAX_CUSTOM_CHANNELS:
            raise _wrong(f"An org has at most {MAX_CUSTOM_CHANNELS} custom channels")
        if len(frozenset[str]().union(*wanted.values())) > MAX_SELECTED and not self.is_unlimited:
            raise _wrong(
                f"At most {MAX_SELECTED} objects can be selected for change events over all channels"
            )
        self._channels = wanted
        self.on_change()

    def drop(self, channel: str) -> None:
        """Remove a custom channel.

        Raises:
            SalesforceError: 404, there is no such channel.
        """
        if channel == CHANGE_EVENTS or channel not in self._channels:
            raise SalesforceError("NOT_FOUND", f"There is no custom channel {channel}", status=404)
        self._channels = {name: members for name, members in self._channels.items() if name != channel}
        self.on_change()

    def members(self, topic: str) -> frozenset[str] | None:
        """The objects whose events a topic (case-sensitive) carries, perhaps none; None: no such topic.

        [I] an object's own channel carries its events once it is selected for any channel.
        """
        if topic in self._channels:
            return self._channels[topic]
        item = self.single_object(topic)
        return None if item is None else frozenset({item.name}) & self.selected

    def single_object(self, topic: str) -> ObjectSchema | None:
        """The object of a channel like /data/AccountChangeEvent; None for any other text."""
        name = topic.removeprefix("/data/")
        if name.endswith(_CUSTOM_EVENT_SUFFIX):
            name = name.removesuffix(_CUSTOM_EVENT_SUFFIX) + "__c"
        else:
            name = name.removesuffix(_EVENT_SUFFIX)
        item = self._schema().find(name)
        return item if item is not None and channel_of(item.name) == topic else None


def _wrong(message: str) -> SalesforceError:
    return SalesforceError("INVALID_INPUT", message)
