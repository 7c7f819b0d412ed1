"""Notes every change of a selected object, whatever wrote it, inside the transaction that makes it.

SQLite's own triggers copy each changed record into the log (tables.py), so no writer can forget to. Objects
that aren't selected have no triggers: their writes cost nothing more than before.
Belongs here: triggers, the hook of the commit, pauses. Not here: reading the log (log.py), what a row means
(events.py). Imports channels, origin, shapes, tables, clock, store.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from sf_pipelines.emulator.changes.channels import ChannelBook
from sf_pipelines.emulator.changes.events import events_of
from sf_pipelines.emulator.changes.marks import MarkEvent
from sf_pipelines.emulator.changes.origin import current_origin
from sf_pipelines.emulator.changes.settings import ChangeSettings
from sf_pipelines.emulator.changes.shapes import EventShape, shape_of
from sf_pipelines.emulator.changes.tables import (
    BEFORE,
    MARK,
    ROW,
    WILDCARD,
    EventTables,
    LoggedTransaction,
)
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.store import Store, quoted
from sf_pipelines.emulator.temporal import to_epoch_ms

_STREAM = "stream"
_HOUR_MS = 3_600_000


class ChangeCapture:
    """Keeps the log of changes of one org."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        channels: ChannelBook,
        settings: ChangeSettings,
        user_id: Callable[[], str],
    ) -> None:
        """Begin to note the changes of what `channels` selects; `user_id` writes where no session does."""
        self._store = store
        self._clock = clock
        self._channels = channels
        self._settings = settings
        self._user_id = user_id
        self.tables = EventTables(store)
        self.shapes: dict[int, EventShape] = self.tables.shapes()
        """Every shape by number, the old ones of rows that are still kept too."""
        self.current: dict[str, int] = {}
        """Object to the number of its event's shape now."""
        self.stream = self.tables.state(_STREAM)
        """Counts the resets of the stream."""
        self.marker: Callable[[], MarkEvent | None] = lambda: None
        """Gives what to ask for each event that is about to be stored, while a test wants to spoil some."""
        self._triggers: list[str] = []
        self._noted = self.tables.last_row()
        self._forgets_at_ms = 0
        self._pauses = 0
        store.before_commit = self._before_commit
        store.after_commit = clock.wake
        channels.on_change = self.restart
        self.restart()
        if not self._noted:
            self.mark()

    @property
    def last_row(self) -> int:
        """The last committed row of the log."""
        return self._noted

    def mark(self) -> None:
        """Make a place in the stream that isn't an event, for who keeps a place while it is quiet."""
        with self._store.transaction():
            self.tables.add_row(MARK)

    def forget_old(self, now_ms: int) -> None:
        """Remove what is older than the retention, and nothing else."""
        self.tables.forget_before(now_ms - round(self._settings.retention_hours * _HOUR_MS))
        self._forgets_at_ms = now_ms + _HOUR_MS

    def add_gap(self, change_type: str, sobject: str, ids: Sequence[str]) -> None:
        """Tell of records whose change the org can't tell, as after a change inside its database."""
        self._add_rows(change_type, sobject, ids)

    def add_wildcard(self, sobject: str) -> None:
        """Tell that values of all records of an object changed, as a lossy conversion of a field does."""
        prefix = self._store.schema.object(sobject).key_prefix
        self._add_rows(WILDCARD, sobject, [f"{prefix}*"])

    def _add_rows(self, kind: str, sobject: str, ids: Sequence[str]) -> None:
        shape, _ = shape_of(self._store.schema.object(sobject))
        with self._store.transaction():
            number = self.shape_number(shape)
            for id_ in ids:
                self.tables.add_row(kind, number, id_)

    def restart(self) -> None:
        """Note the changes of what is selected now, in the shapes of the schema as it is now."""
        with self._store.lock:
            self._stop()
            if not self._pauses:
                for name in sorted(self._channels.selected):
                    self._start(name)

    @contextmanager
    def paused(self) -> Generator[None, None, None]:
        """What the block writes makes no events: it was always there."""
        with self._store.lock:
            self._pauses += 1
            self.restart()
            try:
                yield
            finally:
                self._pauses -= 1
                self.restart()
                if not self._noted and not self._pauses:
                    self.mark()

    def reset_stream(self) -> None:
        """Throw all events away; replay ids begin anew, and those given so far are good no more."""
        with self.paused():
            self.tables.prepare()
            self.stream += 1
            self.tables.clear()
            self.tables.put_state(_STREAM, self.stream)
            known, self.shapes = list(self.shapes.values()), {}
            for shape in known:
                self.shape_number(shape)
            self._noted = self._forgets_at_ms = 0

    def shape_number(self, shape: EventShape) -> int:
        """The number of a shape, which is kept from now on."""
        known = self.tables.shapes()
        for number, one in known.items():
            if one.schema_id == shape.schema_id and one.sobject == shape.sobject:
                self.shapes.setdefault(number, one)
                return number
        number = self.tables.add_shape(shape)
        self.shapes[number] = shape
        return number

    def _start(self, sobject: str) -> None:
        shape, columns = shape_of(self._store.schema.object(sobject))
        number = self.current[sobject] = self.shape_number(shape)
        into = (
            f'INSERT INTO {ROW} ("shape", "kind", "id"{self.tables.columns(len(columns))}) SELECT {number}, '
        )

        def image(kind: str, of: str) -> str:
            values = "".join(f", {of}.{quoted(column)}" for column in columns)
            return f'{into}{kind}, {of}."Id"{values}'

        now = """WHEN NEW."IsDeleted" THEN 'DELETE' ELSE 'UPDATE' END"""
        kind = f"""CASE WHEN OLD."IsDeleted" THEN 'UNDELETE' {now}"""
        both_live = 'WHERE NOT OLD."IsDeleted" AND NOT NEW."IsDeleted"'
        self._trigger(sobject, "INSERT", "", image("'CREATE'", "NEW"))
        self._trigger(
            sobject,
            "UPDATE",
            'WHEN NOT (OLD."IsDeleted" AND NEW."IsDeleted")',
            f"{image(repr(BEFORE), 'OLD')} {both_live}; {image(kind, 'NEW')}",
        )
        # out of the recycle bin nothing is told ([D] section 7.2)
        self._trigger(sobject, "DELETE", 'WHEN NOT OLD."IsDeleted"', image("'DELETE'", "OLD"))

    def _trigger(self, sobject: str, event: str, condition: str, body: str) -> None:
        name = quoted(f"event${sobject}${event}")
        self._store.execute(
            f"CREATE TEMP TRIGGER {name} AFTER {event} ON main.{quoted(sobject)} {condition} "
            f"BEGIN {body}; END"
        )
        self._triggers.append(name)

    def _stop(self) -> None:
        for name in self._triggers:
            self._store.execute(f"DROP TRIGGER IF EXISTS temp.{name}")
        self._triggers.clear()
        self.current.clear()

    def _before_commit(self) -> bool:
        last = self._noted if self._pauses else self.tables.last_row()
        if last == self._noted:
            return False
        origin = current_origin()
        now_ms = to_epoch_ms(self._clock.now())
        if now_ms >= self._forgets_at_ms:
            self.forget_old(now_ms)
        transaction = LoggedTransaction(
            last=last,
            first=self._noted + 1,
            committed_ms=now_ms,
            user_id=origin.user_id if origin else self._user_id(),
            origin=str(origin) if origin else "",
            rows_per_part=origin.rows_per_transaction if origin else None,
            overflow_at=self._settings.overflow_changes,
            diff_chars=self._settings.diff_text_chars,
        )
        self.tables.add_transaction(transaction)
        mark_event = self.marker()
        if mark_event is not None:
            self._mark_events(transaction, mark_event)
        self._noted = last
        return True

    def _mark_events(self, transaction: LoggedTransaction, mark_event: MarkEvent) -> None:
        rows = self.tables.rows(transaction.first, transaction.last)
        for event in events_of(transaction, rows, self.shapes):
            mark = mark_event(event.shape.sobject, event.change_type)
            if mark is not None:
                self.tables.add_marked(event.number, mark)
