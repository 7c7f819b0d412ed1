"""Inserts and deletes whose very rows an earlier run of the partition has sent.

A process may die after its run's last commit and before anybody learns of it. Started again, an insert would
make doubles, and a delete would find nothing to delete.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from sf_pipelines.lake.payload import Payload
from sf_pipelines.lake.row_hashes import RowIdentity
from sf_pipelines.ledger.load_queries import last_finished_load
from sf_pipelines.model.outcome import VerdictState
from sf_pipelines.model.rail import Operation
from sf_pipelines.workflows.errors import TakenUpError
from sf_pipelines.workflows.load_request import LoadRequest
from sf_pipelines.workflows.tools import Tools
from sf_pipelines.workflows.work import declaration_of

DONE_ONCE = frozenset({Operation.INSERT, Operation.DELETE})


class PayloadSum:
    """The rows of a payload in one number, whatever their order."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._identity = RowIdentity(columns=columns)
        self._sum = np.uint64(0)
        self._rows = 0

    def select(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch as it is."""
        self._sum += self._identity.hashes(batch).sum(dtype=np.uint64)
        self._rows += batch.num_rows
        return batch

    @property
    def text(self) -> str:
        """Rows and sum."""
        return f"{self._rows}:{int(self._sum):016x}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """Nothing is to be sent, and why."""

    rows: int
    sentence: str


def done_before(request: LoadRequest, payload: Payload, payload_sum: str, tools: Tools) -> Done | None:
    """Whether the rows were sent already; None where they are to be sent.

    Raises:
        TakenUpError: an insert of which an earlier run has sent some rows, or has not got all through.
    """
    sync = request.sync
    if request.again or request.previous_run is not None:
        return None
    earlier = last_finished_load(tools.engine, sync=sync.name, partition_key=request.partition_key)
    if earlier is None or earlier.declaration != declaration_of(sync):
        return None
    is_same = earlier.payload_sum == payload_sum
    if is_same and VerdictState(earlier.state).is_green:
        text = f"Run {earlier.run_id} has sent these {payload.rows:,} rows: {earlier.verdict_text}"
        return Done(rows=payload.rows, sentence=text)
    if sync.operation is not Operation.INSERT:
        return None
    what = f"ended {earlier.state}" if is_same else "had other rows"
    raise TakenUpError(
        f"{sync.name} was inserted for this partition by run {earlier.run_id}, which {what}: send its failed "
        "records again, or ask for all rows with 'again', which inserts a second time what it has inserted."
    )
