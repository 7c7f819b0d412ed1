"""Data storage: rows that no longer fit into the org are refused.

Belongs here: the check of an insert. Not here: how much room there is (storage.py). Imports batch, errors,
store.
"""

from __future__ import annotations

from sf_pipelines.emulator.dml.batch import Batch
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.store import Store

_EXCEEDED = SalesforceError("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded", fields=())


def check_room(batch: Batch, store: Store) -> None:
    """Fail the last of the good rows, where not all have room."""
    good = batch.good_rows()
    for row in good[store.storage.rows_that_fit(len(good)) :]:
        batch.fail(row, _EXCEEDED)
