"""Verbs and queries of extracts: parts, pages, and the run that the next process takes up.

Every method raises LedgerError when the database cannot be reached. Whoever writes holds the sync's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from sf_pipelines.ledger.engine import transaction
from sf_pipelines.ledger.extract_tables import extract_page, extract_part
from sf_pipelines.ledger.tables import UNFINISHED, bulk_job, sync_run
from sf_pipelines.ledger.verbs import utc_now
from sf_pipelines.ledger.writing import require_running
from sf_pipelines.model.extract import IdRange, ReadTrouble, Span
from sf_pipelines.model.rail import Rail
from sf_pipelines.model.slice import Window


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Rows that are read together, and how far that has come.

    Attributes:
        state: planned, stored, merged or split.
        rows_reported: the org's own count of the result, None until it is stored.
    """

    number: int
    rail: Rail
    span: Span
    state: str
    rows_reported: int | None = None
    rows_inserted: int = 0
    rows_updated: int = 0
    trouble: ReadTrouble | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page of a part; without a file it is still to be read.

    Attributes:
        locator: what the org is asked with, None for the whole result at once.
        rows_by_day: UTC day of SystemModstamp, as `2026-01-31`, to rows.
        checksum: see lake/checksum.py.
    """

    number: int
    locator: str | None
    rows: int | None = None
    uri: str | None = None
    rows_by_day: Mapping[str, int] | None = None
    checksum: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenExtract:
    """An extract that has not come to its end, for the next process of its sync."""

    run_id: UUID
    window: Window
    declaration: str | None
    read_until: datetime | None
    attempts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryJob:
    """The newest query job of a part that was not given up."""

    journal_id: UUID
    job_id: str | None
    step: str


class ExtractBook:
    """Parts and pages in one database."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def open_extracts(self, sync: str) -> list[OpenExtract]:
        """Extracts of a sync without an end, the oldest first."""
        statement = (
            select(sync_run)
            .where(sync_run.c.sync == sync, sync_run.c.direction == "extract")
            .where(sync_run.c.state.in_(UNFINISHED))
            .order_by(sync_run.c.started_at)
        )
        with transaction(self._engine) as connection:
            return [_open_extract(row) for row in connection.execute(statement)]

    def register(
        self, run_id: UUID, rail: Rail, spans: Sequence[Span], *, read_until: datetime, declaration: str
    ) -> None:
        """Keep what will be read, before any of it is; again for what of the window has passed since.

        Args:
            read_until: up to where the parts go.
            declaration: hash of what is read of each row.
        """
        values = {"read_until": read_until, "declaration": declaration}
        with transaction(self._engine) as connection:
            require_running(connection, run_id)
            connection.execute(update(sync_run).where(sync_run.c.id == run_id).values(values))
            _add_parts(connection, run_id, rail, spans)

    def read_until(self, run_id: UUID) -> datetime:
        """Up to where the parts of a run go."""
        with transaction(self._engine) as connection:
            statement = select(sync_run.c.read_until).where(sync_run.c.id == run_id)
            return connection.execute(statement).scalar_one()

    def split(self, run_id: UUID, part: int, rail: Rail, spans: Sequence[Span]) -> None:
        """Put smaller parts in the place of one; an only one changes its rail."""
        with transaction(self._engine) as connection:
            require_running(connection, run_id)
            self._set(connection, run_id, part, state="split", trouble=None)
            _add_parts(connection, run_id, rail, spans)

    def parts(self, run_id: UUID) -> list[Part]:
        """The parts of a run that are read, in the order of their windows."""
        statement = (
            select(extract_part)
            .where(extract_part.c.run_id == run_id, extract_part.c.state != "split")
            .order_by(extract_part.c.window_start, extract_part.c.id_start.nulls_first())
        )
        with transaction(self._engine) as connection:
            return [_part(row) for row in connection.execute(statement)]

    def query_job(self, run_id: UUID, part: int) -> QueryJob | None:
        """The query job that a dead process has left for a part."""
        statement = select(bulk_job.c.id, bulk_job.c.job_id, bulk_job.c.step).where(
            bulk_job.c.run_id == run_id, bulk_job.c.chunk == part, bulk_job.c.step != "aborted"
        )
        with transaction(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else QueryJob(journal_id=row.id, job_id=row.job_id, step=row.step)

    def list_pages(self, run_id: UUID, part: int, locators: Sequence[str | None]) -> None:
        """Keep where the pages of a result are, before the first is read."""
        rows: list[dict[str, Any]] = [
            {"run_id": run_id, "part": part, "page": number, "locator": locator}
            for number, locator in enumerate(locators, 1)
        ]
        with transaction(self._engine) as connection:
            require_running(connection, run_id)
            connection.execute(insert(extract_page), rows)

    def pages(self, run_id: UUID, part: int) -> list[Page]:
        """The pages of a part, empty until they are listed."""
        statement = (
            select(extract_page)
            .where(extract_page.c.run_id == run_id, extract_page.c.part == part)
            .order_by(extract_page.c.page)
        )
        with transaction(self._engine) as connection:
            return [_page(row) for row in connection.execute(statement)]

    def store_page(self, run_id: UUID, part: int, page: Page, *, attempt: int) -> None:
        """The file of a page is in the lake."""
        table = extract_page
        with transaction(self._engine) as connection:
            require_running(connection, run_id, attempt=attempt)
            connection.execute(
                update(table)
                .where(table.c.run_id == run_id, table.c.part == part, table.c.page == page.number)
                .values(
                    rows=page.rows,
                    uri=page.uri,
                    rows_by_day=dict(page.rows_by_day or {}),
                    checksum=page.checksum,
                    stored_at=self._clock(),
                )
            )

    def forget_pages(self, run_id: UUID, part: int, trouble: ReadTrouble) -> None:
        """The result that the pages came from is of no use any more: they are to be read anew."""
        table = extract_page
        with transaction(self._engine) as connection:
            connection.execute(delete(table).where(table.c.run_id == run_id, table.c.part == part))
            self._set(connection, run_id, part, state="planned", rows_reported=None, trouble=trouble)

    def note_trouble(self, run_id: UUID, part: int, trouble: ReadTrouble) -> None:
        """A part stands still."""
        with transaction(self._engine) as connection:
            self._set(connection, run_id, part, trouble=trouble)

    def part_stored(self, run_id: UUID, part: int, *, rows_reported: int, attempt: int) -> None:
        """All pages of a part are in the lake, and the counts agree."""
        with transaction(self._engine) as connection:
            require_running(connection, run_id, attempt=attempt)
            self._set(connection, run_id, part, state="stored", rows_reported=rows_reported, trouble=None)

    def part_merged(
        self, run_id: UUID, part: int, *, rows_inserted: int, rows_updated: int, attempt: int
    ) -> None:
        """The rows of a part are in the warehouse."""
        with transaction(self._engine) as connection:
            require_running(connection, run_id, attempt=attempt)
            self._set(
                connection,
                run_id,
                part,
                state="merged",
                rows_inserted=rows_inserted,
                rows_updated=rows_updated,
            )

    def windows_read(self, sync: str) -> list[Window]:
        """Windows of a sync that were read to their end, the earliest first."""
        table = sync_run
        statement = (
            select(table.c.window_start, table.c.window_end)
            .where(table.c.sync == sync, table.c.direction == "extract", table.c.state == "complete")
            # a run of before there were parts tells no `read_until`; it read what its window says
            .where(func.coalesce(table.c.read_until, table.c.window_end) >= table.c.window_end)
            .order_by(table.c.window_start)
        )
        with transaction(self._engine) as connection:
            return [
                Window(start=row.window_start, end=row.window_end) for row in connection.execute(statement)
            ]

    def runs_begun_in(self, sync: str, day: date) -> int:
        """Runs of a sync whose window begins on a UTC day, and that have not read it to its end."""
        table = sync_run
        start = datetime.combine(day, time.min, UTC)
        statement = (
            select(func.count())
            .select_from(table)
            .where(table.c.sync == sync, table.c.direction == "extract", table.c.state != "complete")
            .where(table.c.window_start >= start, table.c.window_start < start + timedelta(days=1))
        )
        with transaction(self._engine) as connection:
            return connection.execute(statement).scalar_one()

    @staticmethod
    def _set(connection: Connection, run_id: UUID, part: int, **values: Any) -> None:
        table = extract_part
        values = {
            name: value.value if isinstance(value, ReadTrouble) else value for name, value in values.items()
        }
        connection.execute(
            update(table).where(table.c.run_id == run_id, table.c.part == part).values(**values)
        )


def _add_parts(connection: Connection, run_id: UUID, rail: Rail, spans: Sequence[Span]) -> None:
    of_run = select(func.count()).select_from(extract_part).where(extract_part.c.run_id == run_id)
    first: int = connection.execute(of_run).scalar_one()
    rows = [_part_row(run_id, number, rail, span) for number, span in enumerate(spans, first)]
    if rows:
        connection.execute(insert(extract_part), rows)


def _part_row(run_id: UUID, number: int, rail: Rail, span: Span) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "part": number,
        "rail": rail.value,
        "window_start": span.window.start,
        "window_end": span.window.end,
        "id_start": span.ids.start if span.ids else None,
        "id_end": span.ids.end if span.ids else None,
        "rows_counted": span.rows,
        "state": "planned",
    }


def _part(row: Row[Any]) -> Part:
    has_ids = row.id_start is not None or row.id_end is not None
    span = Span(
        window=Window(start=row.window_start, end=row.window_end),
        rows=row.rows_counted,
        ids=IdRange(start=row.id_start, end=row.id_end) if has_ids else None,
    )
    return Part(
        number=row.part,
        rail=Rail(row.rail),
        span=span,
        state=row.state,
        rows_reported=row.rows_reported,
        rows_inserted=row.rows_inserted or 0,
        rows_updated=row.rows_updated or 0,
        trouble=ReadTrouble(row.trouble) if row.trouble else None,
    )


def _page(row: Row[Any]) -> Page:
    return Page(
        number=row.page,
        locator=row.locator,
        rows=row.rows,
        uri=row.uri,
        rows_by_day=row.rows_by_day,
        checksum=int(row.checksum or 0),
    )


def _open_extract(row: Row[Any]) -> OpenExtract:
    return OpenExtract(
        run_id=row.id,
        window=Window(start=row.window_start, end=row.window_end),
        declaration=row.declaration,
        read_until=row.read_until,
        attempts=row.attempts,
    )
