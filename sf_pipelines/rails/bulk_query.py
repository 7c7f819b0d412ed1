"""Bulk API 2.0 query jobs over HTTP ([D] BULKG 6; salesforce-api.md 6): create, wait, read page by page."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sf_pipelines.model.rail import Operation
from sf_pipelines.rails.bulk_jobs import CSV_FORMAT, read_job
from sf_pipelines.rails.polling import Poller
from sf_pipelines.rails.ports import BulkJob, BulkQueryPort, QueryPage
from sf_pipelines.rails.streams import ResponseStream
from sf_pipelines.rails.transport import Transport
from sf_pipelines.rails.wire import Answer

LAST_PAGE_LOCATOR = "null"
"""The literal text that the org sends as locator of nothing [D BULKG]."""


class BulkQuery(BulkQueryPort):
    """Query jobs of one org."""

    def __init__(self, transport: Transport, poller: Poller) -> None:
        self._transport = transport
        self._poller = poller

    def create(self, soql: str, *, include_deleted: bool = False) -> BulkJob:
        """Create a query job; raises BulkQueryRefusedError where only REST can run the SOQL."""
        operation = Operation.QUERY_ALL if include_deleted else Operation.QUERY
        payload = {"operation": operation.value, "query": soql, **CSV_FORMAT}
        return read_job(self._transport.send_json("POST", self._transport.data_path("jobs/query"), payload))

    def info(self, job_id: str) -> BulkJob:
        """State and counters."""
        return read_job(self._transport.get(self._transport.data_path(f"jobs/query/{job_id}")))

    def wait(self, job_id: str, *, expected_seconds: float) -> BulkJob:
        """Poll until the job is terminal; a Failed job is returned, with its error message."""
        return self._poller.until_terminal(lambda: self.info(job_id), expected_seconds=expected_seconds)

    def page_locators(self, job_id: str) -> list[str]:
        """Locators by `resultPages` ([D] BULKG 6, API 58 and newer): up to five a call, sized by the org."""
        path: str | None = self._transport.data_path(f"jobs/query/{job_id}/resultPages")
        locators: list[str] = []
        while path is not None:
            answer = self._transport.get(path)
            told = answer.json_object()
            locators += _locators(answer, told)
            path = _next_list(answer, told)
        return locators

    def pages(self, job_id: str, *, page_rows: int) -> Iterator[QueryPage]:
        """All pages in order, one connection at a time.

        Raises:
            BrokenTransferError: while a page is read; its `locator` can be read again by `page`.
            ValueError: the next page is asked for before this one was read to its end or closed.
        """
        locator: str | None = None
        number = 1
        while True:
            with self.page(job_id, locator=locator, page_rows=page_rows, number=number) as page:
                yield page
                _check_was_read(page)
                locator = page.next_locator
            if locator is None:
                return
            number += 1

    @contextmanager
    def page(
        self, job_id: str, *, locator: str | None, page_rows: int | None = None, number: int = 1
    ) -> Generator[QueryPage]:
        """One page by its locator, None for the first; may be read again."""
        asked = {"maxRecords": str(page_rows) if page_rows else None, "locator": locator}
        params = {name: value for name, value in asked.items() if value is not None}
        path = self._transport.data_path(f"jobs/query/{job_id}/results")
        answer = self._transport.open_csv(path, params=params)
        with ResponseStream(answer, page_number=number, locator=locator) as stream:
            rows_reported = _rows_reported(answer)
            yield QueryPage(
                number=number,
                rows_reported=rows_reported,
                stream=stream,
                locator=locator,
                next_locator=_next_locator(answer, rows_reported),
            )


def _locators(answer: Answer, told: dict[str, Any]) -> list[str]:
    """The locators of one list of pages, out of the addresses that the org gives."""
    match told:
        case {"resultPages": [*pages]}:
            queries = [parse_qs(urlsplit(str(page.get("resultUrl"))).query) for page in pages]
        case _:
            raise answer.unexpected("a list of result pages has resultPages")
    found = [query["locator"][0] for query in queries if query.get("locator")]
    if len(found) != len(queries):
        raise answer.unexpected("one of its result pages has no locator")
    return found


def _next_list(answer: Answer, told: dict[str, Any]) -> str | None:
    if told.get("done", True):
        return None
    path = told.get("nextRecordsUrl")
    if not isinstance(path, str) or not path.startswith("/services/data/"):
        raise answer.unexpected("it is not the last list of pages, and says not where the next one is")
    return path


def _rows_reported(answer: Answer) -> int:
    text = answer.headers.get("Sforce-NumberOfRecords", "0")
    if not text.isdecimal():
        raise answer.unexpected(f"Sforce-NumberOfRecords is '{text}'")
    return int(text)


def _next_locator(answer: Answer, rows_reported: int) -> str | None:
    locator = answer.headers.get("Sforce-Locator")
    if locator is None and rows_reported:
        # Taking this for the last page could drop all the rows after it.
        raise answer.unexpected("it has rows but no Sforce-Locator, so whether more follow is unknown")
    return None if locator in (None, "", LAST_PAGE_LOCATOR) else locator


def _check_was_read(page: QueryPage) -> None:
    if isinstance(page.stream, ResponseStream) and page.stream.closed:
        return
    if page.stream.read(1):
        raise ValueError(f"Page {page.number} was not read to its end: its rows would be lost.")
