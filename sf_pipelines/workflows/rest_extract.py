"""The REST side of an extract: pages of JSON to typed batches."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from sf_pipelines.lake.json_pages import json_page_to_batch
from sf_pipelines.workflows.read_log import ReadLog
from sf_pipelines.workflows.tools import Tools


def read_by_rest(soql: str, schema: pa.Schema, tools: Tools, log: ReadLog) -> Iterator[pa.RecordBatch]:
    """Rows of a query, a batch for each page of up to 2,000."""
    for page in tools.client.rest.query(soql):
        log.reported = page.total_size
        yield json_page_to_batch(page.records, schema)
