"""What became of every record, and of a load as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class FailureClass(StrEnum):
    """What kind of failure a code stands for: it alone says whether the row may be sent again."""

    TRANSIENT = "transient"
    LOCK = "lock"
    QUOTA = "quota"
    DATA = "data"
    PERMISSION = "permission"
    DUPLICATE = "duplicate"
    ORG = "org"
    UNKNOWN = "unknown"


class OutcomeState(StrEnum):
    """The three ends that a submitted record can have."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNPROCESSED = "unprocessed"


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordError:
    """Salesforce's refusal of one record: its code, its text, and the fields that it names."""

    code: str
    message: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordOutcome:
    """What became of one record of a REST write, in the order of the request."""

    state: OutcomeState
    salesforce_id: str | None = None
    created: bool = False
    error: RecordError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedRecord:
    """A record that the org refused or never processed, with what is needed to mend and re-send it.

    Attributes:
        source_key: value of the sync's key field.
        values: the payload as sent, Salesforce field to value.
        payload_hash: stable hash of `values`, hexadecimal.
        job_id: Bulk job, or None on the REST rail; request_id: the REST request, or None.
        attempt: how often the row was sent in this run, this time included.
        next_attempt_at: when it may be sent again, None for never.
    """

    source_key: str
    values: Mapping[str, str | None]
    payload_hash: str
    state: OutcomeState
    error: RecordError
    chunk: int
    job_id: str | None = None
    request_id: str | None = None
    attempt: int = 1
    failure_class: FailureClass | None = None
    next_attempt_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeCounts:
    """Rows by what became of them, and error codes with their counts.

    Attributes:
        unchanged: rows that were not submitted, since the org holds them as they are.
    """

    submitted: int = 0
    succeeded: int = 0
    failed: int = 0
    unprocessed: int = 0
    created: int = 0
    unchanged: int = 0
    errors: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def accounted(self) -> int:
        """Rows whose end is known."""
        return self.succeeded + self.failed + self.unprocessed

    @property
    def rejected(self) -> int:
        """Rows that did not reach the org."""
        return self.failed + self.unprocessed

    def __add__(self, other: OutcomeCounts) -> OutcomeCounts:
        """Counts of two chunks together."""
        errors = dict(self.errors)
        for code, count in other.errors.items():
            errors[code] = errors.get(code, 0) + count
        return OutcomeCounts(
            submitted=self.submitted + other.submitted,
            succeeded=self.succeeded + other.succeeded,
            failed=self.failed + other.failed,
            unprocessed=self.unprocessed + other.unprocessed,
            created=self.created + other.created,
            unchanged=self.unchanged + other.unchanged,
            errors=errors,
        )


class VerdictState(StrEnum):
    """How a load or an extract ended, once its rows are counted."""

    COMPLETE = "complete"
    REJECTS_WITHIN_TOLERANCE = "rejects_within_tolerance"
    REJECTS_BEYOND_TOLERANCE = "rejects_beyond_tolerance"
    ROWS_UNACCOUNTED = "rows_unaccounted"
    COUNTERS_DISAGREE = "counters_disagree"

    @property
    def is_green(self) -> bool:
        """Whether a partition may be shown as materialized."""
        return self in (VerdictState.COMPLETE, VerdictState.REJECTS_WITHIN_TOLERANCE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The end of a run with the sentence that explains it."""

    state: VerdictState
    text: str
