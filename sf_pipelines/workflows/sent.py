"""What a rail hands back after a load: counts, contradictions, and the jobs that carried it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sf_pipelines.model.outcome import OutcomeCounts


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """The rows of a load, or of one chunk of it, by what became of them.

    Attributes:
        disagreements: sentences about counters or keys that contradict the counted rows.
        job_ids: Bulk jobs, in the order of their chunks.
    """

    counts: OutcomeCounts = field(default_factory=OutcomeCounts)
    disagreements: tuple[str, ...] = ()
    job_ids: tuple[str, ...] = ()

    def __add__(self, other: Sent) -> Sent:
        """Two chunks together."""
        return Sent(
            counts=self.counts + other.counts,
            disagreements=self.disagreements + other.disagreements,
            job_ids=self.job_ids + other.job_ids,
        )
