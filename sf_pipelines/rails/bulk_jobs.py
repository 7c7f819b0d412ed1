"""What ingest and query jobs have in common: the job object of Bulk API 2.0."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sf_pipelines.rails.ports import BulkJob, JobState
from sf_pipelines.rails.wire import Answer

CSV_FORMAT = {"contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"}
"""The one CSV dialect of this client [D BULKG 5.1]."""


def read_job(answer: Answer) -> BulkJob:
    """The job in an answer.

    Raises:
        UnexpectedAnswerError: it is something else; UnknownOutcomeError: so it is, and it answers a write.
    """
    data = answer.json_object()
    try:
        return _job(data)
    except (KeyError, TypeError, ValueError) as error:
        raise answer.unexpected(f"it is not a Bulk job ({error!r})") from None


def read_jobs(answer: Answer) -> tuple[list[BulkJob], str | None]:
    """The jobs of one page of a list, and the path of the next page, None after the last.

    Raises:
        UnexpectedAnswerError: the answer is something else.
    """
    data = answer.json_object()
    try:
        jobs = [_job(item) for item in data["records"]]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise answer.unexpected(f"it is not a list of Bulk jobs ({error!r})") from None
    return jobs, None if data.get("done", True) else data.get("nextRecordsUrl")


def _job(data: dict[str, Any]) -> BulkJob:
    created = data.get("createdDate")
    return BulkJob(
        id=str(data["id"]),
        sobject=data.get("object"),
        operation=str(data["operation"]),
        state=JobState(data["state"]),
        records_processed=int(data.get("numberRecordsProcessed") or 0),
        records_failed=int(data.get("numberRecordsFailed") or 0),
        retries=int(data.get("retries") or 0),
        processing_milliseconds=int(data.get("totalProcessingTime") or 0),
        error_message=data.get("errorMessage"),
        created_by=data.get("createdById"),
        created_at=datetime.fromisoformat(created) if created else None,
    )
