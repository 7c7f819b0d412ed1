"""The accounting law: every row that was sent has one result, and the org's own counters say the same. Pure.

Rows are known by 64-bit hashes of their key, or of the whole row where no field of it is unique; a hash that
occurs several times counts as often as it occurs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sf_pipelines.model.outcome import OutcomeCounts

Hashes = NDArray[np.uint64]


class DisagreementKind(StrEnum):
    """What contradicts the counted rows: the rows themselves, or only a counter of the org."""

    ROWS = "rows"
    COUNTER = "counter"


@dataclass(frozen=True, kw_only=True, slots=True)
class Disagreement:
    """Two numbers that should be one.

    Attributes:
        text: a sentence with both numbers.
    """

    kind: DisagreementKind
    text: str

    def stored(self) -> str:
        """One line for the ledger; see `read_disagreement`."""
        return f"{self.kind.value}: {self.text}"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobCounters:
    """What the org says of a job that has ended: `processed` includes `failed`.

    Attributes:
        is_complete: whether the job came to its end; else batches under way are not in `processed`.
    """

    name: str
    processed: int
    failed: int
    is_complete: bool


def account(
    counts: OutcomeCounts, *, sent: Hashes, answered: Sequence[Hashes], job: JobCounters
) -> tuple[Disagreement, ...]:
    """Everything that contradicts the law, empty where it holds.

    Args:
        counts: rows counted from the result files.
        sent: a hash per row that was sent.
        answered: a hash per row of each result file.
        job: the org's own counters.
    """
    return (*_of_rows(sent, np.concatenate([*answered, _NONE]), job), *_of_counters(counts, job))


def read_disagreement(stored: str) -> Disagreement:
    """A disagreement as the ledger keeps it."""
    kind, _, text = stored.partition(": ")
    return Disagreement(kind=DisagreementKind(kind), text=text)


_NONE: Hashes = np.empty(0, dtype=np.uint64)


def balance(sent: Hashes, answered: Hashes) -> tuple[int, int]:
    """Sent rows without a result, and results without a sent row, each as often as it occurs."""
    keys, places = np.unique(np.concatenate([sent, answered]), return_inverse=True)
    surplus = np.bincount(places[: sent.size], minlength=keys.size)
    surplus -= np.bincount(places[sent.size :], minlength=keys.size)
    return int(surplus[surplus > 0].sum()), int(-surplus[surplus < 0].sum())


def _of_rows(sent: Hashes, answered: Hashes, job: JobCounters) -> Iterator[Disagreement]:
    if np.array_equal(np.sort(sent), np.sort(answered)):
        return
    unanswered, foreign = balance(sent, answered)
    text = (
        f"Result files of job {job.name} do not match the rows sent: {unanswered:,} rows have no result and "
        f"{foreign:,} results belong to no row that was sent."
    )
    yield Disagreement(kind=DisagreementKind.ROWS, text=text)


def _of_counters(counts: OutcomeCounts, job: JobCounters) -> Iterator[Disagreement]:
    done = counts.succeeded + counts.failed
    if job.is_complete and job.processed != done:
        text = (
            f"Job {job.name} says that it processed {job.processed:,} rows; its result files hold {done:,}."
        )
        yield Disagreement(kind=DisagreementKind.COUNTER, text=text)
    if job.failed != counts.failed:
        text = (
            f"Job {job.name} says that {job.failed:,} rows failed; its result files hold {counts.failed:,}."
        )
        yield Disagreement(kind=DisagreementKind.COUNTER, text=text)
