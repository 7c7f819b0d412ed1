"""What a person does next about rows that failed, by class of failure. Pure: words, no choice.

Whether a row is sent again without a person is in `retry_plan`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sf_pipelines.model.outcome import FailureClass

MENDS: Mapping[FailureClass, str] = {
    FailureClass.DATA: "mend the values at the source; changed rows are sent again by themselves",
    FailureClass.DUPLICATE: "decide which record stays, or load by upsert with an external id",
    FailureClass.PERMISSION: "give the integration user the permission that the message names",
    FailureClass.LOCK: "nothing: they are sent again by themselves",
    FailureClass.TRANSIENT: "nothing: they are sent again by themselves",
    FailureClass.QUOTA: "nothing, unless they stay: free quota or storage in the org",
    FailureClass.ORG: "look at the trigger, flow or job that the message names",
    FailureClass.UNKNOWN: "nothing: the org is asked what became of them before they are sent again",
}


def mend(failure_class: FailureClass | str | None) -> str:
    """The next step for a class; for a failure without one, to look at its message."""
    try:
        return MENDS[FailureClass(failure_class or "")]
    except ValueError:
        return "read the message of the org"
