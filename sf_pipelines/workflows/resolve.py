"""Failed records of earlier runs that this run got through: they need nobody's care any more."""

from __future__ import annotations

from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from sf_pipelines.ledger.load_queries import chunks_of_run, failed_keys, unresolved_keys
from sf_pipelines.workflows.send import NO_RAIL
from sf_pipelines.workflows.work import LoadWork

KEYS_LIMIT = 100_000
"""Keys looked for in one run; what is beyond waits for the next one."""


def resolve_earlier_failures(work: LoadWork) -> int:
    """Mark them as resolved by this run; gives how many records that are."""
    engine = work.tools.engine
    wanted = unresolved_keys(engine, work.sync.name, run_id=work.run_id, limit=KEYS_LIMIT)
    if not wanted:
        return 0
    keys = pa.array(wanted, pa.string())
    got_through: set[str] = set()
    for state in chunks_of_run(engine, work.run_id, attempt=1):
        chunk = work.chunk(state.plan)
        if state.plan.rail == NO_RAIL or not chunk.path.exists():
            continue
        for batch in chunk.batches([work.sync.key]):
            column = batch.column(0)
            found = column.filter(pc.is_in(cast(Any, column), cast(Any, keys)))
            got_through.update(key for key in found.to_pylist() if key is not None)
    got_through -= failed_keys(engine, work.run_id)
    if not got_through:
        return 0
    return work.tools.ledger.resolve_failed(work.run_id, work.sync.name, got_through)
