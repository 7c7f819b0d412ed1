"""A Bulk API 2.0 job: its facts, and the JSON that tells them.

Belongs here: one frozen value for ingest and query jobs, and section 5.1 and 6's bodies. Not here: keeping
jobs (job_store.py), running them. Imports nothing of the emulator.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

JobKind = Literal["ingest", "query"]
JobState = Literal["Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted"]

FINISHED: frozenset[str] = frozenset({"JobComplete", "Failed", "Aborted"})
DELIMITERS = {"COMMA": ",", "BACKQUOTE": "`", "CARET": "^", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
JOB_KEY_PREFIX = "750"
_JOB_TYPES = {"ingest": "V2Ingest", "query": "V2Query"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One job. Times are epoch milliseconds on the org's clock."""

    id: str
    kind: JobKind
    operation: str
    sobject: str
    state: JobState
    created_by: str
    created_ms: int
    modified_ms: int
    api_version: str
    client: str | None = None
    """The client that the create call named; its changes have it in their origin."""
    column_delimiter: str = "COMMA"
    line_ending: str = "LF"
    external_id_field: str | None = None
    assignment_rule_id: str | None = None
    soql: str | None = None
    has_upload: bool = False
    error_message: str | None = None
    records_processed: int = 0
    records_failed: int = 0
    retries: int = 0
    active_ms: float = 0.0
    """Time that batches took on the org's clock, modelled time included."""
    apex_ms: float = 0.0
    """The modelled part of it."""
    started_ms: int | None = None
    finished_ms: int | None = None
    bytes_read: int = 0
    """Of the upload: all before this offset was processed (the header line at least, once it was read)."""
    header_bytes: int = 0
    """Length of the upload's header line with its ending; 0 while unread or unreadable."""
    left_out: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Parts of the upload before `bytes_read` that were never processed: from and to (exclusive)."""
    result_bytes: dict[str, int] = field(default_factory=dict[str, int])
    """Length of each result file at `bytes_read`."""

    @property
    def is_finished(self) -> bool:
        """True in a state that never changes again."""
        return self.state in FINISHED

    @property
    def delimiter(self) -> str:
        """The delimiter's character."""
        return DELIMITERS[self.column_delimiter]

    @property
    def newline(self) -> str:
        """The line ending's characters."""
        return LINE_ENDINGS[self.line_ending]


def created_body(job: Job) -> dict[str, Any]:
    """The answer to the create call ([R] AMP)."""
    body = summary_body(job)
    if job.kind == "ingest" and job.state == "Open":
        body["contentUrl"] = f"services/data/v{job.api_version}/jobs/ingest/{job.id}/batches"
    return {**body, "lineEnding": job.line_ending, "columnDelimiter": job.column_delimiter}


def summary_body(job: Job) -> dict[str, Any]:
    """The answer to a state change: no contentUrl, lineEnding, columnDelimiter ([R] AMP)."""
    body: dict[str, Any] = {
        "id": job.id,
        "operation": job.operation,
        "object": job.sobject,
        "createdById": job.created_by,
        "createdDate": wire_time(job.created_ms),
        "systemModstamp": wire_time(job.modified_ms),
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.api_version),
    }
    if job.external_id_field is not None:
        body["externalIdFieldName"] = job.external_id_field
    if job.assignment_rule_id is not None:
        body["assignmentRuleId"] = job.assignment_rule_id
    return body


def list_body(job: Job) -> dict[str, Any]:
    """One record of the job list."""
    return {**created_body(job), "jobType": _JOB_TYPES[job.kind]}


def info_body(job: Job, now_ms: int) -> dict[str, Any]:
    """The answer to GET: with counters and times in milliseconds."""
    busy_ms = 0 if job.started_ms is None else (job.finished_ms or now_ms) - job.started_ms
    active_ms = round(job.active_ms)
    body = {
        **list_body(job),
        "numberRecordsProcessed": job.records_processed,
        "retries": job.retries,
        "totalProcessingTime": max(active_ms, busy_ms + round(job.apex_ms)),
    }
    if job.kind == "query":
        body["isPkChunkingSupported"] = True
    else:
        times = {"apiActiveProcessingTime": active_ms, "apexProcessingTime": round(job.apex_ms)}
        body = {**body, "numberRecordsFailed": job.records_failed, **times}
    return body if job.error_message is None else {**body, "errorMessage": job.error_message}


def wire_time(epoch_ms: int) -> str:
    """`2026-02-01T10:00:00.000+0000`."""
    moment = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{epoch_ms % 1000:03d}+0000"
