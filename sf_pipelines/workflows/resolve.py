"""Failed records of earlier runs, closed by what this run knows: they need nobody's care any more."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from sf_pipelines.ledger.load_queries import chunks_of_run, failed_keys, unresolved_keys
from sf_pipelines.model.outcome import FailureClass
from sf_pipelines.model.sync import LoadScope
from sf_pipelines.policy.retry_plan import next_attempt_at
from sf_pipelines.workflows.send import NO_RAIL
from sf_pipelines.workflows.work import LoadWork

KEYS_LIMIT = 100_000
"""Keys looked for in one run; what is beyond waits for the next one."""


def close_earlier_failures(work: LoadWork) -> None:
    """Close earlier records of the sync: those that got through, that failed again, and that are gone.

    A key is gone when a run that sent the whole source did not send it.
    """
    ledger, engine, sync = work.tools.ledger, work.tools.engine, work.sync.name
    wanted = unresolved_keys(engine, sync, run_id=work.run_id, limit=KEYS_LIMIT)
    if not wanted:
        return
    sent, all_seen = _keys_sent(work, wanted)
    got_through = sent - failed_keys(engine, work.run_id)
    if got_through:
        ledger.resolve_failed(work.run_id, sync, got_through)

    def next_attempt(failure_class: FailureClass, runs: int) -> datetime | None:
        return next_attempt_at(failure_class, now=work.tools.clock(), run_attempts=runs)

    ledger.supersede_failed(work.run_id, sync, next_attempt=next_attempt)
    if work.scope is LoadScope.ALL and all_seen and len(wanted) < KEYS_LIMIT:
        ledger.supersede_gone(work.run_id, sync)


def _keys_sent(work: LoadWork, wanted: list[str]) -> tuple[set[str], bool]:
    """Those of the keys that this run sent, and whether all of its payload could be looked at."""
    keys = pa.array(wanted, pa.string())
    sent: set[str] = set()
    all_seen = True
    for state in chunks_of_run(work.tools.engine, work.run_id, attempt=1):
        chunk = work.chunk(state.plan)
        if state.plan.rail == NO_RAIL:
            continue
        if not chunk.path.exists():
            all_seen = False
            continue
        for batch in chunk.batches([work.sync.key]):
            column = batch.column(0)
            found = column.filter(pc.is_in(cast(Any, column), cast(Any, keys)))
            sent.update(key for key in found.to_pylist() if key is not None)
    return sent, all_seen
