"""The reading of one gap's repair: how much it is, which rail the policy gives it, and how it is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sf_pipelines.ledger.change_queries import GapRow
from sf_pipelines.ledger.decisions import read_decision
from sf_pipelines.ledger.extract_book import ExtractBook
from sf_pipelines.model.decision import Decision
from sf_pipelines.model.extract import Span
from sf_pipelines.model.rail import Criticality, Direction, LatencyClass, Operation, Rail
from sf_pipelines.model.slice import Slice, StreamState
from sf_pipelines.model.sync import ExtractSync
from sf_pipelines.policy.windows import rows_of
from sf_pipelines.workflows.decide import decide_to_send
from sf_pipelines.workflows.extract_open import BYTES_PER_FIELD, Shape, shape_of
from sf_pipelines.workflows.extract_plan import parts_of
from sf_pipelines.workflows.extract_work import ExtractWork
from sf_pipelines.workflows.repair_reading import ReadBack, read_by_ids, read_window, window_since, writer
from sf_pipelines.workflows.tools import Tools

LONGEST_TRANSACTION = timedelta(minutes=10)
"""A record is stamped when it is written and its change told when that is committed: so much later at most,
since the org ends longer calls ([D] LIM)."""


def repair_name(sobject: str) -> str:
    """Name of an object's repairs in the ledger."""
    return f"{sobject.lower()}_gap_repair"


@dataclass(frozen=True, kw_only=True, slots=True)
class RepairJob:
    """One gap of one object, in one run."""

    gap: GapRow
    sobject: str
    tools: Tools
    run_id: UUID

    @property
    def since(self) -> datetime | None:
        """The oldest stamp that a record in doubt can have; None for the object as a whole."""
        start = self.gap.from_timestamp
        return None if start is None else start - LONGEST_TRANSACTION

    def read(self, attempt: int) -> tuple[ReadBack, str]:
        """Read what the gap lacks, or go on with it; gives what came of it, and the way in words.

        Raises:
            NotRunError: the policy deferred or refused; nothing was read.
        """
        shape = shape_of(ExtractSync(name=repair_name(self.sobject), sobject=self.sobject), self.tools)
        if attempt > 1:
            decision = read_decision(self.tools.engine, self.run_id)
            return self._read_window(shape, decision, attempt)
        known_at = self.tools.client.org.org_time()
        ids = self.gap.record_ids
        spans = [] if ids else shape.counter(self.tools).by_day(window_since(self.since, known_at))
        decision = self._decide(shape, len(ids) if ids else rows_of(spans))
        if ids and decision.rail is Rail.REST:
            return read_by_ids(ids, shape, known_at, self.tools), f"{len(ids):,} records by their Ids"
        self._plan(shape, decision, spans, known_at)
        return self._read_window(shape, decision, attempt)

    def _decide(self, shape: Shape, rows: int) -> Decision:
        fields = shape.schema.names
        slice_ = Slice(
            sync=repair_name(self.sobject),
            sobject=shape.describe.name,
            direction=Direction.EXTRACT,
            operation=Operation.QUERY_ALL if shape.include_deleted else Operation.QUERY,
            rows=rows,
            bytes_raw=rows * len(fields) * BYTES_PER_FIELD,
            latency_class=LatencyClass.NEAR_REAL_TIME,
            criticality=Criticality.NORMAL,
            stream=StreamState(polls=1, trouble=self.gap.detail),
        )
        return decide_to_send(slice_, self.tools, self.run_id, partition_key=None)

    def _plan(self, shape: Shape, decision: Decision, spans: list[Span], known_at: datetime) -> None:
        """Keep the parts, and the moment as of which they are read, before the first of them is."""
        counter, rail = shape.counter(self.tools), decision.rail or Rail.REST
        spans = spans or counter.by_day(window_since(self.since, known_at))
        parts = parts_of(spans, counter, self.tools.part_rows(rail))
        self._book.register(self.run_id, rail, parts, read_until=known_at, declaration=shape.declaration)

    def _read_window(self, shape: Shape, decision: Decision, attempt: int) -> tuple[ReadBack, str]:
        known_at = self._book.read_until(self.run_id)
        work = ExtractWork(
            sync=ExtractSync(name=repair_name(self.sobject), sobject=self.sobject),
            describe=shape.describe,
            schema=shape.schema,
            tools=self.tools,
            book=self._book,
            run_id=self.run_id,
            attempt=attempt,
            decision=decision,
            folder=f"raw/{self.sobject.lower()}/gap-{self.gap.id}/{self.run_id}",
            include_deleted=shape.include_deleted,
            merge=writer(shape, known_at),
        )
        is_whole = self.since is None
        read = read_window(work, known_at, is_whole=is_whole)
        return read, "the whole object" if is_whole else f"what changed since {self.since:%Y-%m-%d %H:%M}Z"

    @property
    def _book(self) -> ExtractBook:
        return ExtractBook(self.tools.engine, clock=self.tools.clock)
