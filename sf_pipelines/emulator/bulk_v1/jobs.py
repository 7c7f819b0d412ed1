"""A Bulk API (version 1) job and its batches, and the documents that tell their facts.

Belongs here: the two values, and JobInfo and BatchInfo of the Bulk API guide as plain mappings. Not here: XML
and JSON (documents.py), keeping them (store.py). Imports the form of times from bulk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sf_pipelines.emulator.bulk.jobs import wire_time
from sf_pipelines.emulator.faults.jobs import JobFaults

ContentType = Literal["CSV", "JSON", "XML"]
JobState = Literal["Open", "Closed", "Aborted", "Failed"]
BatchState = Literal["Queued", "InProgress", "Completed", "Failed", "NotProcessed"]

BATCH_KEY_PREFIX = "751"
RESULT_KEY_PREFIX = "752"
QUERIES = frozenset({"query", "queryAll"})
ENDED_BATCH: frozenset[str] = frozenset({"Completed", "Failed", "NotProcessed"})


@dataclass(kw_only=True, slots=True)
class ClassicBatch:
    """One batch. Times are epoch milliseconds on the org's clock."""

    id: str
    job_id: str
    created_ms: int
    modified_ms: int
    state: BatchState = "Queued"
    state_message: str | None = None
    records_processed: int = 0
    records_failed: int = 0
    retries: int = 0
    active_ms: float = 0.0
    apex_ms: float = 0.0
    result_id: str | None = None
    """Of the one result of a query batch."""


@dataclass(kw_only=True, slots=True)
class ClassicJob:
    """One job and its batches in the order in which they came."""

    id: str
    operation: str
    sobject: str
    content_type: ContentType
    concurrency_mode: Literal["Parallel", "Serial"]
    created_by: str
    created_ms: int
    modified_ms: int
    api_version: str
    client: str | None = None
    external_id_field: str | None = None
    assignment_rule_id: str | None = None
    state: JobState = "Open"
    batches: list[ClassicBatch] = field(default_factory=list[ClassicBatch])
    faults: JobFaults | None = None
    """What tests want to happen to it; known once its first batch has its turn."""

    @property
    def is_query(self) -> bool:
        """True for query and queryAll."""
        return self.operation in QUERIES


def job_info(job: ClassicJob) -> dict[str, Any]:
    """All facts of a job, in the order of the guide."""
    facts: dict[str, Any] = {
        "id": job.id,
        "operation": job.operation,
        "object": job.sobject,
        "createdById": job.created_by,
        "createdDate": wire_time(job.created_ms),
        "systemModstamp": wire_time(job.modified_ms),
        "state": job.state,
        "externalIdFieldName": job.external_id_field,
        "concurrencyMode": job.concurrency_mode,
        "contentType": job.content_type,
        "assignmentRuleId": job.assignment_rule_id,
        **_batch_counts(job.batches),
        "numberRecordsProcessed": _total(job.batches, "records_processed"),
        "numberRetries": _total(job.batches, "retries"),
        "apiVersion": float(job.api_version),
        "numberRecordsFailed": _total(job.batches, "records_failed"),
        **_times(_total(job.batches, "active_ms"), _total(job.batches, "apex_ms")),
    }
    return {name: value for name, value in facts.items() if value is not None}


def batch_info(batch: ClassicBatch) -> dict[str, Any]:
    """All facts of a batch, in the order of the guide."""
    facts: dict[str, Any] = {
        "id": batch.id,
        "jobId": batch.job_id,
        "state": batch.state,
        "stateMessage": batch.state_message,
        "createdDate": wire_time(batch.created_ms),
        "systemModstamp": wire_time(batch.modified_ms),
        "numberRecordsProcessed": batch.records_processed,
        "numberRecordsFailed": batch.records_failed,
        **_times(batch.active_ms, batch.apex_ms),
    }
    return {name: value for name, value in facts.items() if value is not None}


def list_record(job: ClassicJob) -> dict[str, Any]:
    """A job as the list of Bulk API 2.0 tells it (jobType Classic)."""
    names = ("id", "operation", "object", "createdById", "createdDate", "systemModstamp", "state")
    info = job_info(job)
    return {
        **{name: info[name] for name in names},
        "concurrencyMode": job.concurrency_mode,
        "contentType": job.content_type,
        "apiVersion": info["apiVersion"],
        "jobType": "Classic",
    }


def _batch_counts(batches: Sequence[ClassicBatch]) -> Mapping[str, int]:
    def count(*states: str) -> int:
        return sum(batch.state in states for batch in batches)

    return {
        "numberBatchesQueued": count("Queued"),
        "numberBatchesInProgress": count("InProgress"),
        "numberBatchesCompleted": count("Completed"),
        "numberBatchesFailed": count("Failed"),
        "numberBatchesTotal": len(batches),
    }


def _total(batches: Sequence[ClassicBatch], name: str) -> Any:
    return sum(getattr(batch, name) for batch in batches)


def _times(active_ms: float, apex_ms: float) -> Mapping[str, int]:
    return {
        "totalProcessingTime": round(active_ms),
        "apiActiveProcessingTime": round(active_ms),
        "apexProcessingTime": round(apex_ms),
    }
