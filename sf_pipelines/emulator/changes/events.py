"""From the logged rows of a transaction to its change events.

What happens to one record in one transaction is one event, equal changes of several records are one, and what
is too much for a transaction overflows ([D] sections 7.2 and 7.4).
Belongs here: net effect, merging, numbering, overflow. Not here: bytes (encoding.py), reading the log
(log.py). Imports replay, shapes, tables.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, count
from operator import ne
from typing import Any, NamedTuple

from sf_pipelines.emulator.changes import replay
from sf_pipelines.emulator.changes.shapes import EventShape
from sf_pipelines.emulator.changes.tables import BEFORE, HEAD_COLUMNS, MARK, WILDCARD, LoggedTransaction
from sf_pipelines.emulator.changes.text_diff import text_diff

OVERFLOW_ID = "000000000000000AAA"
GAP_PREFIX = "GAP_"
GAP_OVERFLOW = "GAP_OVERFLOW"
# [I] records that one event names at most, so that it stays below a megabyte.
MAX_MERGED_IDS = 200
# [I] where the org's commit numbers begin.
_FIRST_COMMIT_NUMBER = 10_000_000_000_000
_NAMESPACE = uuid.UUID("8b0e4a52-6f0c-4d0e-9a53-6b6f0a2f7c11")
_WITH_VALUES = frozenset({"CREATE", "UNDELETE"})


class ChangeEvent(NamedTuple):
    """One change event; fields go by the leaves of its shape.

    A tuple, because a Bulk load makes them by the hundred thousand.
    """

    number: int
    shape: EventShape
    change_type: str
    record_ids: list[str]
    transaction_key: str
    sequence: int
    commit_number: int
    transaction: LoggedTransaction
    image: Sequence[Any] = ()
    """The stored values behind the change; empty when the event tells none."""
    changed: tuple[int, ...] = ()
    """Of an update: the leaves whose values it tells."""
    diffs: Mapping[int, str] = {}
    """Leaf to the diff that is told in place of a long text."""
    mark: str = ""
    """What a test has done to it (marks.py)."""

    @property
    def id(self) -> str:
        """The event's own UUID: that of its transaction, with its number in the last group."""
        return f"{self.transaction_key[:24]}{self.number:012x}"

    @property
    def told(self) -> Sequence[int]:
        """The leaves that the event tells: of an update those that changed, else those with a value."""
        return self.changed or [at for at, value in enumerate(self.image) if value is not None]

    @property
    def nulled(self) -> tuple[int, ...]:
        """The changed leaves that are null now."""
        return tuple([at for at in self.changed if self.image[at] is None])

    @property
    def diffed(self) -> tuple[int, ...]:
        """The leaves that are told as diffs."""
        return tuple(sorted(self.diffs))

    def value(self, leaf: int) -> Any:
        """What the event tells of a leaf: its stored value, or a diff."""
        return self.diffs.get(leaf, self.image[leaf]) if self.diffs else self.image[leaf]

    def as_gap(self) -> ChangeEvent:
        """What is told in its place when it can't be told itself."""
        if self.change_type.startswith(GAP_PREFIX):
            return self
        return self._replace(change_type=GAP_PREFIX + self.change_type, image=(), changed=(), diffs={})


@dataclass(kw_only=True, slots=True)
class _Net:
    """What a transaction did to one record in all."""

    row: int
    shape: int
    id: str
    kind: str
    last_kind: str
    values: Sequence[Any]
    before: Sequence[Any] | None = None

    @property
    def change_type(self) -> str | None:
        """The first change, unless the record is gone; None when it was never there for anybody."""
        if self.kind.startswith(GAP_PREFIX):
            return self.kind
        was_there = self.kind not in ("CREATE", "UNDELETE")
        if self.last_kind == "DELETE":
            return "DELETE" if was_there else None
        return "UPDATE" if was_there else self.kind

    def changed(self) -> tuple[int, ...]:
        if self.before is None:
            return ()
        return tuple(compress(count(), map(ne, self.values, self.before)))


def events_of(
    transaction: LoggedTransaction, rows: Sequence[Sequence[Any]], shapes: Mapping[int, EventShape]
) -> list[ChangeEvent]:
    """The events of a transaction in order.

    Args:
        transaction: as it was logged.
        rows: of the log, those of the transaction.
        shapes: by number, those of the rows at least.
    """
    events: list[ChangeEvent] = []
    for part in _parts(rows, transaction.rows_per_part):
        events += _Part(transaction, part[0][0], part[-1][0], shapes).events(part)
    return events


def _parts(rows: Sequence[Sequence[Any]], records: int | None) -> Iterator[Sequence[Sequence[Any]]]:
    if records is None:
        yield rows
        return
    start = seen = 0
    for at, row in enumerate(rows):
        if row[2] == BEFORE:
            continue
        seen += 1
        if seen == records:
            yield rows[start : at + 1]
            start, seen = at + 1, 0
    if start < len(rows):
        yield rows[start:]


class _Part:
    """A transaction as clients see it."""

    def __init__(
        self, transaction: LoggedTransaction, first: int, last: int, shapes: Mapping[int, EventShape]
    ) -> None:
        self._transaction = transaction
        self._last = last
        self._shapes = shapes
        self._commit_number = _FIRST_COMMIT_NUMBER + first
        self._key = str(uuid.uuid5(_NAMESPACE, f"{transaction.committed_ms}/{first}"))
        self._merged: dict[Any, list[str]] = {}
        self._events: list[ChangeEvent] = []
        self._overflown: dict[str, int] = {}

    def events(self, rows: Sequence[Sequence[Any]]) -> list[ChangeEvent]:
        changes = 0
        limit = self._transaction.overflow_at
        for net in _net(rows):
            change_type = net.change_type
            if change_type is None:
                continue
            changed = net.changed() if change_type == "UPDATE" else ()
            changes += max(1, len(changed))
            if changes > limit:
                self._overflown.setdefault(self._shapes[net.shape].sobject, net.shape)
            else:
                self._add(net, change_type, changed)
        for slot, shape in enumerate(self._overflown.values(), start=1):
            self._emit(replay.to_number(self._last, slot), shape, GAP_OVERFLOW, [OVERFLOW_ID])
        return self._events

    def _add(self, net: _Net, change_type: str, changed: tuple[int, ...]) -> None:
        image: Sequence[Any] = ()
        told = image
        diffs: dict[int, str] = {}
        if change_type == "UPDATE" and net.before is not None:
            image = net.values
            modified_date = self._shapes[net.shape].modified_date
            if modified_date not in changed:
                changed = tuple(sorted((*changed, modified_date)))
            told = tuple([image[at] for at in changed])
            diffs = self._diffs(net, changed)
        elif change_type in _WITH_VALUES:
            image = told = net.values
        key = (net.shape, change_type, changed, told, tuple(diffs.items()))
        ids = self._merged.get(key)
        if ids is not None and len(ids) < MAX_MERGED_IDS:
            ids.append(net.id)
            return
        self._merged[key] = ids = [net.id]
        self._emit(replay.to_number(net.row), net.shape, change_type, ids, image, changed, diffs)

    def _diffs(self, net: _Net, changed: tuple[int, ...]) -> dict[int, str]:
        """The changed texts that are long."""
        longest = self._transaction.diff_chars
        before = net.before or ()
        return {
            at: text_diff(before[at], value)
            for at in changed
            if isinstance(value := net.values[at], str) and len(value) >= longest and before[at] is not None
        }

    def _emit(
        self,
        number: int,
        shape: int,
        change_type: str,
        ids: list[str],
        image: Sequence[Any] = (),
        changed: tuple[int, ...] = (),
        diffs: Mapping[int, str] | None = None,
    ) -> None:
        self._events.append(
            ChangeEvent(
                number,
                self._shapes[shape],
                change_type,
                ids,
                self._key,
                len(self._events) + 1,
                self._commit_number,
                self._transaction,
                image,
                changed,
                diffs or {},
            )
        )


def _net(rows: Sequence[Sequence[Any]]) -> list[_Net]:
    """Each record once, in the order of its first change."""
    found: dict[tuple[int, str], _Net] = {}
    images: dict[tuple[int, str], Sequence[Any]] = {}
    for row in rows:
        number, shape, kind, id_ = row[:HEAD_COLUMNS]
        if kind == MARK:
            continue
        key = (shape, id_)
        values = row[HEAD_COLUMNS:]
        if kind == BEFORE:
            images.setdefault(key, values)
            continue
        known = found.get(key)
        if known is None:
            kind = "UPDATE" if kind == WILDCARD else kind
            before = images.get(key)
            found[key] = _Net(
                row=number, shape=shape, id=id_, kind=kind, last_kind=kind, values=values, before=before
            )
        else:
            known.last_kind, known.values = kind, values
            known.before = known.before or images.get(key)
    return list(found.values())
