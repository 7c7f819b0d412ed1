"""The REST side of an extract: pages of JSON to one file of a part."""

from __future__ import annotations

from sf_pipelines.lake.json_pages import json_page_to_batch
from sf_pipelines.lake.tally import Tally
from sf_pipelines.ledger.extract_book import Page, Part
from sf_pipelines.model.extract import ReadTrouble
from sf_pipelines.workflows.errors import ReadError
from sf_pipelines.workflows.extract_work import ExtractWork


def store_by_rest(work: ExtractWork, part: Part) -> int:
    """Bring a part into the lake as one file; gives the rows that the org reported.

    A query's cursor is not taken up by another process: parts are small, and are read again from their start.

    Raises:
        ReadError: the pages hold another number of rows than the org reported.
        SalesforceError: the org refuses, or cannot be reached.
    """
    stored = work.book.pages(work.run_id, part.number)
    if not stored:
        work.book.list_pages(work.run_id, part.number, [None])
    elif stored[0].rows is not None:
        return stored[0].rows
    reported, tally, page = 0, Tally(), Page(number=1, locator=None)
    with work.sink(part, page) as sink:
        for records in work.tools.client.rest.query(work.soql(part), include_deleted=work.include_deleted):
            reported = records.total_size
            batch = json_page_to_batch(records.records, work.schema)
            tally.add(batch)
            sink.write(batch)
        if tally.rows != reported:
            raise ReadError(
                f"The org reported {reported:,} rows, {tally.rows:,} were received and "
                f"{sink.rows:,} written.",
                ReadTrouble.PAGE_COUNT_DISAGREES,
            )
    work.store(part, page, sink, tally)
    return reported
