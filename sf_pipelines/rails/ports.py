"""What workflows ask of a Salesforce org: the ports, and the values that cross them.

Workflows depend on this module only; the HTTP implementation stands beside it, tests may bring another.
Bytes and JSON cross these ports, never Arrow, never SQL.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sf_pipelines.config.limits import COLLECTION_MAX_ROWS
from sf_pipelines.model.describe import SObjectDescribe
from sf_pipelines.model.headroom import Headroom
from sf_pipelines.model.outcome import RecordOutcome
from sf_pipelines.model.rail import Operation


class ReadableBytes(Protocol):
    """A stream of decoded bytes, as pyarrow and csv readers take it."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes, b"" at the end."""
        ...


class JobState(StrEnum):
    """States of a Bulk API 2.0 job; the last three are terminal [D BULKG]."""

    OPEN = "Open"
    UPLOAD_COMPLETE = "UploadComplete"
    IN_PROGRESS = "InProgress"
    JOB_COMPLETE = "JobComplete"
    FAILED = "Failed"
    ABORTED = "Aborted"

    @property
    def is_terminal(self) -> bool:
        """Whether the job will change no more."""
        return self in (JobState.JOB_COMPLETE, JobState.FAILED, JobState.ABORTED)


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkJob:
    """A Bulk API 2.0 job as the org reports it; counters include failed rows in `records_processed`.

    Attributes:
        created_by: id of the org's user; created_at: the org's clock.
    """

    id: str
    sobject: str | None
    operation: str
    state: JobState
    records_processed: int = 0
    records_failed: int = 0
    retries: int = 0
    processing_milliseconds: int = 0
    error_message: str | None = None
    created_by: str | None = None
    created_at: datetime | None = None


class ResultKind(StrEnum):
    """The three result files of an ingest job, by the last segment of their path [D BULKG 5.1]."""

    SUCCESSFUL = "successfulResults"
    FAILED = "failedResults"
    UNPROCESSED = "unprocessedrecords"


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteResponse:
    """Outcomes of one REST write, one per record in request order, and the request that carried them."""

    outcomes: tuple[RecordOutcome, ...]
    request_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordPage:
    """One page of a REST query.

    Attributes:
        total_size: the org's own count of the rows of the whole query.
        records: JSON objects without `attributes`; a parent is a nested object or None.
    """

    total_size: int
    records: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiUsage:
    """`Sforce-Limit-Info` of the newest answer: requests used and granted in the rolling 24 hours."""

    used: int
    maximum: int


class OrgPort(ABC):
    """The org itself: who it is, what it holds, how much of it may still be used, what time it has."""

    @property
    @abstractmethod
    def calls_made(self) -> int:
        """Metered HTTP requests that this client has sent."""

    @property
    @abstractmethod
    def api_usage(self) -> ApiUsage | None:
        """Usage as told by the newest answer, None before the first."""

    @abstractmethod
    def user_id(self) -> str | None:
        """Id of the user that this client writes as, None where the org does not tell it."""

    @abstractmethod
    def describe(self, sobject: str) -> SObjectDescribe:
        """Describe one object; raises ObjectNotFoundError naming it where the org has none."""

    @abstractmethod
    def headroom(self) -> Headroom:
        """Read `/limits` (one metered call)."""

    @abstractmethod
    def org_time(self) -> datetime:
        """The org's clock by the `Date` header of an answer; windows end by it, not by ours."""

    @abstractmethod
    def job_url(self, job_id: str) -> str:
        """The page of a Bulk job in the org's own user interface."""


class RestPort(ABC):
    """Records over REST: many small calls, instant outcomes."""

    @abstractmethod
    def write(
        self,
        sobject: str,
        operation: Operation,
        records: Sequence[Mapping[str, Any]],
        *,
        external_id_field: str | None = None,
        collection_rows: int = COLLECTION_MAX_ROWS,
    ) -> WriteResponse:
        """Write up to 1,000 records, in one metered call if they are in five Collections of up to 200.

        Never all-or-none. Raises UnknownOutcomeError when the org may or may not have written.
        """

    @abstractmethod
    def count(self, soql: str, *, include_deleted: bool = False) -> int:
        """Result of a `SELECT COUNT()` statement."""

    @abstractmethod
    def query(self, soql: str, *, include_deleted: bool = False) -> Iterator[RecordPage]:
        """Pages of up to 2,000 records, in order."""


class BulkIngestPort(ABC):
    """Records into the org by Bulk API 2.0 ingest jobs: a method per step, so that each can be journalled."""

    @abstractmethod
    def create(self, sobject: str, operation: Operation, *, external_id_field: str | None = None) -> BulkJob:
        """Create an Open job for comma-separated CSV with LF line ends."""

    @abstractmethod
    def upload(self, job_id: str, body: Iterable[bytes]) -> None:
        """Send the whole CSV in the job's one PUT, streamed."""

    @abstractmethod
    def close(self, job_id: str) -> BulkJob:
        """Say that the upload is complete: from here on the org processes rows."""

    @abstractmethod
    def abort(self, job_id: str) -> BulkJob:
        """Abort a job that is not finished."""

    @abstractmethod
    def info(self, job_id: str) -> BulkJob:
        """State and counters (one metered call)."""

    @abstractmethod
    def jobs(self) -> Iterator[BulkJob]:
        """All ingest jobs of the org, whoever made them, without counters (a metered call per 1,000)."""

    @abstractmethod
    def wait(self, job_id: str, *, expected_seconds: float) -> BulkJob:
        """Poll until the job is terminal: first poll after what is expected, then backing off."""

    @abstractmethod
    def results(self, job_id: str, kind: ResultKind) -> AbstractContextManager[ReadableBytes]:
        """One result file as a stream of CSV bytes."""


class BulkQueryPort(ABC):
    """Records out of the org by Bulk API 2.0 query jobs."""

    @abstractmethod
    def create(self, soql: str, *, include_deleted: bool = False) -> BulkJob:
        """Create a query job; raises BulkQueryRefusedError where Bulk cannot run the SOQL."""

    @abstractmethod
    def info(self, job_id: str) -> BulkJob:
        """State and counters (one metered call)."""

    @abstractmethod
    def wait(self, job_id: str, *, expected_seconds: float) -> BulkJob:
        """Poll until the job is terminal."""

    @abstractmethod
    def page_locators(self, job_id: str) -> list[str]:
        """Locators of all pages of a complete job, so that they can be read side by side, in any order."""

    @abstractmethod
    def pages(self, job_id: str, *, page_rows: int) -> Iterator[QueryPage]:
        """Result pages in order; each must be read (or closed) before the next is asked for."""

    @abstractmethod
    def page(
        self, job_id: str, *, locator: str | None, page_rows: int | None = None, number: int = 1
    ) -> AbstractContextManager[QueryPage]:
        """One page by its locator (None is the first), so that a broken one can be read again.

        Args:
            page_rows: rows asked for; None where the locator is one of `page_locators`.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryPage:
    """One page of Bulk query results.

    Attributes:
        rows_reported: `Sforce-NumberOfRecords`, the org's own count of rows in the page.
        stream: the CSV bytes, header row first; reading past a broken transfer raises TransportError.
        locator: what this page was asked with, None for the first; next_locator: None on the last page.
    """

    number: int
    rows_reported: int
    stream: ReadableBytes
    locator: str | None = None
    next_locator: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SalesforceClient:
    """The ports of one org over one session."""

    org: OrgPort
    rest: RestPort
    ingest: BulkIngestPort
    queries: BulkQueryPort
