"""Loads that send only what has changed: rows that the org last accepted as they are cost no call.

What the org accepted is known from our own loads. A record that somebody else has changed in the org looks
unchanged from here: an extract sees that, a load does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import pyarrow as pa
from sqlalchemy import Engine

from sf_pipelines.lake.row_hashes import RowIdentity
from sf_pipelines.ledger.copying import AcceptedRow
from sf_pipelines.ledger.load_queries import accepted_digests
from sf_pipelines.model.describe import SObjectDescribe
from sf_pipelines.model.rail import Operation
from sf_pipelines.model.sync import LoadSync
from sf_pipelines.workflows.work import LoadWork, number_fields


class OnlyChanged:
    """Picks the rows that differ from what the org last accepted for their key.

    Attributes:
        unchanged: rows left out so far.
    """

    def __init__(self, sync: LoadSync, describe: SObjectDescribe, engine: Engine) -> None:
        self._sync = sync
        self._engine = engine
        self._key, self._row = _identities(sync, number_fields(sync, describe))
        self.unchanged = 0

    def select(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a batch that are to be sent."""
        keys = list(self._key.digests(batch))
        known = accepted_digests(self._engine, self._sync.name, keys)
        is_changed = [
            known.get(key) != payload for key, payload in zip(keys, self._row.digests(batch), strict=True)
        ]
        self.unchanged += is_changed.count(False)
        return batch.filter(pa.array(is_changed, pa.bool_()))


def accepted_rows(
    work: LoadWork, batches: Iterable[pa.RecordBatch], rejected_keys: Collection[str | None]
) -> Iterator[AcceptedRow] | None:
    """Digests of rows that were sent; None where the sync keeps none.

    Args:
        rejected_keys: keys of rows that the org did not take.
    """
    if not work.sync.only_changed:
        return None
    return _digests(work, batches, set(rejected_keys))


def _digests(
    work: LoadWork, batches: Iterable[pa.RecordBatch], rejected: set[str | None]
) -> Iterator[AcceptedRow]:
    key, row = _identities(work.sync, work.numbers)
    for batch in batches:
        texts = batch.column(work.sync.key).to_pylist()
        for text, of_key, of_row in zip(texts, key.digests(batch), row.digests(batch), strict=True):
            is_accepted = text not in rejected and work.sync.operation is not Operation.DELETE
            yield AcceptedRow(of_key, of_row, is_accepted)


def _identities(sync: LoadSync, numbers: frozenset[str]) -> tuple[RowIdentity, RowIdentity]:
    key = RowIdentity(columns=(sync.key,), numbers=numbers)
    return key, RowIdentity(columns=sync.field_names, numbers=numbers)
