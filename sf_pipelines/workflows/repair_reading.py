"""What a repair reads of the org: the records of a gap by their Ids, or all that changed since it began.

Rows are read as they are now, however late they changed: a window that ended with the gap would miss a record
whose lost change was followed by another one. They go over what the table has, as of the moment before the
first was read, and later changes of them are merged once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import pyarrow as pa

from sf_pipelines.lake.json_pages import json_page_to_batch
from sf_pipelines.lake.parquet import read_parquet
from sf_pipelines.lake.repaired_rows import KEYS, mark_gone, overwrite_raw
from sf_pipelines.lake.warehouse import MergeResult
from sf_pipelines.ledger.change_staging import reopening
from sf_pipelines.model.slice import Window
from sf_pipelines.workflows.extract_open import Shape
from sf_pipelines.workflows.extract_work import ExtractWork
from sf_pipelines.workflows.read_parts import read_parts
from sf_pipelines.workflows.soql import select_by_ids
from sf_pipelines.workflows.tools import Tools

IDS_A_QUERY = 400
"""Ids of one REST query: some 9,000 characters of its URL."""

FIRST_DAY = datetime(1999, 1, 1, tzinfo=UTC)
"""No record is older than Salesforce."""

OPEN_END = timedelta(days=1)
"""How far behind the org's clock a window ends, so that it holds what changes while it is read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadBack:
    """What a repair read and wrote."""

    org_rows: int
    rows_repaired: int
    rows_deleted: int


def window_since(since: datetime | None, known_at: datetime) -> Window:
    """Everything that changed since a moment, None for ever, and what will while it is read."""
    return Window(start=since or FIRST_DAY, end=known_at + OPEN_END)


def writer(shape: Shape, known_at: datetime) -> Callable[..., MergeResult]:
    """What brings rows into the table, called as `merge_into_raw` is."""
    also = reopening(shape.describe.name, since=known_at)
    return partial(overwrite_raw, known_at=known_at, also=also)


def read_by_ids(ids: Sequence[str], shape: Shape, known_at: datetime, tools: Tools) -> ReadBack:
    """Read records by REST, deleted ones too; those that the org no longer knows are gone.

    Raises:
        SalesforceError, LakeError, LedgerError: a part failed; reading again does no harm.
    """
    batches = list(_batches(ids, shape, tools))
    name, url = shape.describe.name, tools.database_url.reveal()
    write = writer(shape, known_at)
    merge = write(url, sobject=name, schema=shape.schema, batches=batches)
    gone = mark_gone(url, sobject=name, keys=map(_keys, batches), known_at=known_at, ids=ids)
    return ReadBack(org_rows=merge.staged, rows_repaired=merge.staged, rows_deleted=gone)


def read_window(work: ExtractWork, known_at: datetime, *, is_whole: bool) -> ReadBack:
    """Read the parts of a planned repair; of a whole object, what the org no longer has is gone.

    Raises:
        ReadError: a part cannot be read now; the parts before it are done.
    """
    read_parts(work)
    parts = work.book.parts(work.run_id)
    rows = sum(part.rows_reported or 0 for part in parts)
    gone = 0
    if is_whole:
        uris = [
            page.uri
            for part in parts
            for page in work.book.pages(work.run_id, part.number)
            if page.uri is not None
        ]
        url = work.tools.database_url.reveal()
        # an object without rows has its table all the same
        work.merge(url, sobject=work.describe.name, schema=work.schema, batches=[])
        keys = (_keys(batch) for uri in uris for batch in read_parquet(uri))
        gone = mark_gone(url, sobject=work.describe.name, keys=keys, known_at=known_at)
    return ReadBack(org_rows=rows, rows_repaired=rows, rows_deleted=gone)


def _batches(ids: Sequence[str], shape: Shape, tools: Tools) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(ids), IDS_A_QUERY):
        soql = select_by_ids(shape.describe.name, shape.schema.names, ids[start : start + IDS_A_QUERY])
        for page in tools.client.rest.query(soql, include_deleted=shape.include_deleted):
            yield json_page_to_batch(page.records, shape.schema)


def _keys(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([batch.column("Id")], schema=KEYS)
