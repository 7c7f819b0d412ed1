"""All of an org's change events: channels, capture, log, settings.

Belongs here: putting them together. Imports the parts beside, clock, store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from sf_pipelines.emulator.changes.capture import ChangeCapture
from sf_pipelines.emulator.changes.channels import ChannelBook
from sf_pipelines.emulator.changes.log import EventLog
from sf_pipelines.emulator.changes.settings import ChangeSettings
from sf_pipelines.emulator.changes.shapes import EventShape, shape_of
from sf_pipelines.emulator.changes.subscriptions import SubscriptionBook
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.ids import IdFactory
from sf_pipelines.emulator.store import Store


class ChangeBus:
    """The event bus of one org."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: IdFactory,
        user_id: Callable[[], str],
        *,
        selected: Iterable[str] = (),
        settings: ChangeSettings | None = None,
    ) -> None:
        """Note changes of the objects `selected` from now on.

        Raises:
            SalesforceError: an object is unknown, or there are too many.
        """
        self._initial = settings or ChangeSettings()
        self.settings = replace(self._initial)
        self.channels = ChannelBook(lambda: store.schema, selected)
        self.capture = ChangeCapture(store, clock, self.channels, self.settings, user_id)
        self.log = EventLog(self.capture, clock)
        self.subscriptions = SubscriptionBook(store, ids, self.channels, self.log)
        self._store = store

    def reset(self) -> None:
        """As at the start: no events, the figures of then, and the objects that were selected then."""
        self.settings.take(self._initial)
        self.subscriptions.clear()
        self.channels.reset()
        self.capture.reset_stream()

    def schema(self, schema_id: str) -> EventShape | None:
        """The shape of that schema id, old ones too; None when no event of this org ever had it."""
        for shape in list(self.capture.shapes.values()):
            if shape.schema_id == schema_id:
                return shape
        for item in self._store.schema.objects.values():
            shape, _ = shape_of(item)
            if shape.schema_id == schema_id:
                return shape
        return None

    def shape_of(self, sobject: str) -> EventShape:
        """The shape that an object's events have now."""
        shape, _ = shape_of(self._store.schema.object(sobject))
        return shape
