"""Every kind of fault, with its options and their defaults.

Belongs here: the catalogue. Not here: doing it (answers.py, transport.py, jobs.py). Imports nothing of the
emulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Target = Literal["call", "job", "event", "stream"]
"""What a fault hits: an HTTP call, a Bulk job, a change event as it is stored, a subscriber's stream."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What one kind takes. The type of an option is that of its default; of None, see its checks."""

    target: Target = "call"
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


KINDS: Mapping[str, Kind] = {
    # In place of the answer.
    "status": Kind(options={"status": 503, "code": "", "message": "", "html": False}),
    "html": Kind(options={"status": 200}),
    "json": Kind(options={"body": {"unexpected": True}}),
    "session_expired": Kind(),
    "quota": Kind(options={"limit": "TotalRequests"}),
    # On the way.
    "reset": Kind(),
    "stall": Kind(options={"bytes": 0}),
    "truncate": Kind(options={"share": 0.5}),
    "truncate_gzip": Kind(options={"share": 0.5}),
    "slow": Kind(options={"seconds": 5.0}),
    "hold": Kind(),
    # Inside an answer that looks sound.
    "wrong_record_count": Kind(options={"add": 1}),
    "wrong_counters": Kind(options={"processed": 1, "failed": 0}),
    # In the org.
    "rows_fail": Kind(options={"rows": 1, "code": "UNABLE_TO_LOCK_ROW", "message": ""}),
    "job_deleted": Kind(),
    # In a Bulk job.
    "job_rows_fail": Kind(
        target="job",
        options={
            "share": 0.5,
            "rows": 0,
            "code": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "message": "",
        },
    ),
    "job_fails": Kind(
        target="job",
        options={"after_batches": 0, "message": "InternalServerError : an injected fault ended the job"},
    ),
    "job_stuck": Kind(target="job", options={"after_batches": 0}),
    # A change event as it is stored.
    "event_lost": Kind(target="event"),
    "event_gap": Kind(target="event"),
    "event_poison": Kind(target="event"),
    "event_unknown_schema": Kind(target="event"),
    # A subscriber's stream; what is counted are the events that it gets from now on.
    "stream_dropped": Kind(target="stream", options={"after_events": 0}),
    "stream_unauthenticated": Kind(target="stream", options={"after_events": 0}),
    "stream_silent": Kind(target="stream", options={"after_events": 0, "advances": False}),
    "replay_expired": Kind(target="stream"),
}
