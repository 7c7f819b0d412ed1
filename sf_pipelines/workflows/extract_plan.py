"""Into which parts a window is cut: the org counts, `policy.windows` cuts.

A window of many days costs one call by `GROUP BY DAY_ONLY`, a busy day one more by hours, and only an hour
that is still too much is cut by ranges of Ids, by bisection. Empty days cost nothing beyond the first call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sf_pipelines.model.extract import IdRange, Span
from sf_pipelines.model.slice import Window
from sf_pipelines.policy.windows import days_of, halves_of, hours_of, id_after, id_between, joined
from sf_pipelines.rails.errors import RefusedError
from sf_pipelines.rails.ports import RestPort
from sf_pipelines.workflows.soql import CHANGED_AT, rows_from

TOO_LONG = "QUERY_TIMEOUT"
"""What the org says of a count over too many rows: it is asked in halves then."""

_HOUR = timedelta(hours=1)

BY_DAY, BY_HOUR = f"DAY_ONLY({CHANGED_AT})", f"HOUR_IN_DAY({CHANGED_AT})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Counter:
    """Counts of one object.

    Attributes:
        include_deleted: whether rows in the recycle bin are read and counted too.
    """

    rest: RestPort
    sobject: str
    include_deleted: bool

    def count(self, window: Window, ids: IdRange | None = None) -> int:
        """Rows of a window (one metered call).

        Raises:
            SalesforceError: the org does not answer.
        """
        soql = f"SELECT COUNT() {rows_from(self.sobject, window, ids)}"
        return self.rest.count(soql, include_deleted=self.include_deleted)

    def by_day(self, window: Window) -> list[Span]:
        """Rows of each day of a window."""
        days = list(days_of(window))
        if len(days) == 1:
            return [Span(window=window, rows=self._patiently(window))]
        return self._grouped(window, BY_DAY, {f"{day.start:%Y-%m-%d}": day for day in days})

    def by_hour(self, day: Window) -> list[Span]:
        """Rows of each hour of a day."""
        return self._grouped(day, BY_HOUR, {hour.start.hour: hour for hour in hours_of(day)})

    def first_and_last_id(self, window: Window) -> tuple[str, str]:
        """The bounds of a window's Ids, which aggregates do not tell (two metered calls)."""
        rows = f"Id {rows_from(self.sobject, window)} ORDER BY Id"
        (first,), (last,) = (self._records(f"{rows} {order} LIMIT 1") for order in ("ASC", "DESC"))
        return first["Id"], last["Id"]

    def _patiently(self, window: Window) -> int:
        """The count, in halves where the whole takes the org too long."""
        try:
            return self.count(window)
        except RefusedError as error:
            halves = halves_of(window) if error.error_code == TOO_LONG else None
            if halves is None:
                raise
            return sum(self._patiently(half) for half in halves)

    def _grouped(self, window: Window, key: str, spans: dict[Any, Window]) -> list[Span]:
        soql = f"{key} span, COUNT(Id) found {rows_from(self.sobject, window)} GROUP BY {key}"
        try:
            told = {record["span"]: record["found"] for record in self._records(soql)}
        except RefusedError as error:
            if error.error_code != TOO_LONG:
                raise
            return [Span(window=part, rows=self._patiently(part)) for part in spans.values()]
        return [Span(window=part, rows=told.get(name, 0)) for name, part in spans.items()]

    def _records(self, soql: str) -> list[dict[str, Any]]:
        pages = self.rest.query(f"SELECT {soql}", include_deleted=self.include_deleted)
        return [record for page in pages for record in page.records]


def parts_of(days: Iterable[Span], counter: Counter, most_rows: int) -> list[Span]:
    """Parts of at most `most_rows`, as far as rows can be told apart."""
    return [part for span in joined(days, most_rows) for part in _cut(span, counter, most_rows)]


def smaller(span: Span, counter: Counter) -> list[Span]:
    """Two or more parts in the place of one that was too much for the org; none where it cannot be cut."""
    most_rows = max(1, span.rows // 2)
    if span.ids is None and span.window.end - span.window.start > _HOUR:
        parts = parts_of(counter.by_day(span.window), counter, most_rows)
    else:
        parts = list(_by_ids(span, counter, most_rows))
    return parts if len(parts) > 1 else []


def _cut(span: Span, counter: Counter, most_rows: int) -> Iterator[Span]:
    if span.rows <= most_rows:
        yield span
    elif span.window.end - span.window.start > _HOUR:
        for hours in joined(counter.by_hour(span.window), most_rows):
            yield from _cut(hours, counter, most_rows)
    else:
        yield from _by_ids(span, counter, most_rows)


def _by_ids(span: Span, counter: Counter, most_rows: int) -> Iterator[Span]:
    """Ranges of Ids; together they hold every Id, since the first and the last have an open end."""
    first, last = counter.first_and_last_id(span.window)
    start = span.ids.start if span.ids and span.ids.start else first
    end = span.ids.end if span.ids and span.ids.end else id_after(last)
    ranges = list(_bisected(span, IdRange(start=start[:15], end=end), span.rows, counter, most_rows))
    bounds = span.ids or IdRange(start=None, end=None)
    for place, part in enumerate(ranges):
        assert part.ids is not None
        open_start = bounds.start if place == 0 else part.ids.start
        open_end = bounds.end if place == len(ranges) - 1 else part.ids.end
        yield Span(window=part.window, rows=part.rows, ids=IdRange(start=open_start, end=open_end))


def _bisected(span: Span, ids: IdRange, rows: int, counter: Counter, most_rows: int) -> Iterator[Span]:
    assert ids.start is not None
    assert ids.end is not None
    middle = id_between(ids.start, ids.end) if rows > most_rows else None
    if middle is None:
        yield Span(window=span.window, rows=rows, ids=ids)
        return
    lower = IdRange(start=ids.start, end=middle)
    below = counter.count(span.window, lower)
    if below:
        yield from _bisected(span, lower, below, counter, most_rows)
    if rows > below:
        yield from _bisected(span, IdRange(start=middle, end=ids.end), rows - below, counter, most_rows)
