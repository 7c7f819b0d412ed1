"""Whether every row is accounted for, and whether the rejected ones are few enough. Pure."""

from __future__ import annotations

from sf_pipelines.model.outcome import OutcomeCounts, Verdict, VerdictState
from sf_pipelines.model.sync import Tolerance
from sf_pipelines.policy.accounting import Disagreement, DisagreementKind


def load_verdict(
    counts: OutcomeCounts, tolerance: Tolerance, *, disagreements: tuple[Disagreement, ...] = ()
) -> Verdict:
    """The end of a load.

    Args:
        counts: rows by outcome, counted from result rows.
        disagreements: what contradicts the counted rows. Where it is a counter of the org only, that is a
            state of its own; no tolerance covers either.
    """
    of_rows = [item for item in disagreements if item.kind is DisagreementKind.ROWS]
    if counts.accounted != counts.submitted or of_rows:
        return Verdict(state=VerdictState.ROWS_UNACCOUNTED, text=_unaccounted(counts, disagreements))
    if disagreements:
        return Verdict(state=VerdictState.COUNTERS_DISAGREE, text=_unaccounted(counts, disagreements))
    if counts.rejected == 0:
        text = f"All {counts.submitted:,} rows succeeded."
        if counts.unchanged:
            text += f" {counts.unchanged:,} more were left out, since the org holds them unchanged."
        return Verdict(state=VerdictState.COMPLETE, text=text)
    text = (
        f"{counts.rejected:,} of {counts.submitted:,} rows did not reach the org "
        f"({counts.failed:,} failed, {counts.unprocessed:,} unprocessed); "
        f"the tolerance is {tolerance.bound(counts.submitted):,}."
    )
    if tolerance.allows(rejected=counts.rejected, submitted=counts.submitted):
        return Verdict(state=VerdictState.REJECTS_WITHIN_TOLERANCE, text=text)
    return Verdict(state=VerdictState.REJECTS_BEYOND_TOLERANCE, text=text)


def resend_verdict(
    sent: OutcomeCounts,
    tolerance: Tolerance,
    *,
    submitted: int,
    left: int,
    disagreements: tuple[Disagreement, ...] = (),
) -> Verdict:
    """The end of a run that sent failed rows of an earlier load again: green where the whole load is.

    Args:
        sent: of this run alone.
        submitted: rows of the load when it was sent whole; left: those that are still open.
    """
    own = load_verdict(sent, tolerance, disagreements=disagreements)
    if own.state in (VerdictState.ROWS_UNACCOUNTED, VerdictState.COUNTERS_DISAGREE):
        return own
    again = f"{sent.submitted:,} rows were sent again and {sent.succeeded:,} got through"
    if left == 0:
        return Verdict(state=VerdictState.COMPLETE, text=f"{again}; no row of the load is left open.")
    text = (
        f"{again}; {left:,} of {submitted:,} rows are still open, the tolerance is "
        f"{tolerance.bound(submitted):,}."
    )
    if tolerance.allows(rejected=left, submitted=submitted):
        return Verdict(state=VerdictState.REJECTS_WITHIN_TOLERANCE, text=text)
    return Verdict(state=VerdictState.REJECTS_BEYOND_TOLERANCE, text=text)


def extract_verdict(*, reported: int, received: int, written: int) -> Verdict:
    """The end of an extract: what the org reported, what arrived, and what the lake holds must be equal."""
    if reported == received == written:
        return Verdict(state=VerdictState.COMPLETE, text=f"All {written:,} rows arrived.")
    text = f"The org reported {reported:,} rows, {received:,} were received and {written:,} written."
    return Verdict(state=VerdictState.ROWS_UNACCOUNTED, text=text)


def _unaccounted(counts: OutcomeCounts, disagreements: tuple[Disagreement, ...]) -> str:
    law = (
        f"{counts.submitted:,} rows were submitted and {counts.accounted:,} are accounted for "
        f"({counts.succeeded:,} succeeded, {counts.failed:,} failed, {counts.unprocessed:,} unprocessed)."
    )
    return " ".join((law, *(item.text for item in disagreements)))
