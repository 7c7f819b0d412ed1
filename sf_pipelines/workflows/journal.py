"""The journal step that loads and extracts share: a terminal job with the org's own counters."""

from __future__ import annotations

from uuid import UUID

from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.rails.ports import BulkJob


def record_counted(ledger: Ledger, journal_id: UUID, job: BulkJob) -> None:
    """Keep how a job ended, before its results are read."""
    ledger.record_counted(
        journal_id,
        state=job.state.value,
        records_processed=job.records_processed,
        records_failed=job.records_failed,
        processing_milliseconds=job.processing_milliseconds,
        error_message=job.error_message,
    )
