"""A month in figures, rule by rule, and as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from sf_pipelines.model.rail import Criticality
from sf_pipelines.workflows.simulation.month import Month, simulate
from sf_pipelines.workflows.simulation.rules import all_rules
from sf_pipelines.workflows.simulation.workload import DAY_MINUTES, Job

DAYS = 30
SEED = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleFigures:
    """What one rule made of the month.

    Attributes:
        critical_misses, other_misses: pieces of work that ended after their deadline, or not at all.
        calls_used: API calls of our own, readings of the quotas included.
        overruns: calls that the org refused for want of quota.
        critical_minutes, other_minutes: mean time from due to done, of what was done.
        unfinished: pieces that were not done when the month ended.
    """

    rule: str
    critical_jobs: int
    critical_misses: int
    other_misses: int
    calls_used: int
    overruns: int
    critical_minutes: float
    other_minutes: float
    unfinished: int

    def to_json(self) -> dict[str, Any]:
        """All figures by name."""
        return asdict(self)


def run_all(*, days: int = DAYS, seed: int = SEED) -> list[Month]:
    """The same month under every rule, on all processors."""
    with ProcessPoolExecutor() as pool:
        months = [pool.submit(simulate, rule, days=days, seed=seed) for rule in all_rules()]
        return [month.result() for month in months]


def figures(month: Month) -> RuleFigures:
    """The figures of one month."""
    critical = [job for job in month.jobs if job.sync.criticality is Criticality.CRITICAL]
    other = [job for job in month.jobs if job.sync.criticality is not Criticality.CRITICAL]
    end_second = len(month.calls_left) * 60.0
    return RuleFigures(
        rule=month.rule,
        critical_jobs=len(critical),
        critical_misses=sum(_is_missed(job, end_second) for job in critical),
        other_misses=sum(_is_missed(job, end_second) for job in other),
        calls_used=month.calls_used,
        overruns=month.refusals,
        critical_minutes=_mean_minutes(critical),
        other_minutes=_mean_minutes(other),
        unfinished=sum(job.finished_second is None for job in month.jobs),
    )


def plot(months: Sequence[Month], path: Path) -> None:
    """Calls left through the month under every rule, and the deadline misses, as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, misses) = plt.subplots(2, 1, figsize=(11, 8), height_ratios=(3, 2))
    for month in reversed(months):  # ours on top
        days = [minute / DAY_MINUTES for minute in range(0, len(month.calls_left), 30)]
        left.plot(days, month.calls_left[::30], lw=2.0 if month is months[0] else 0.9, label=month.rule)
    left.set(title="API calls left", xlabel="day of the month", ylim=(0, None))
    left.legend(fontsize=8, loc="lower left")
    found = [figures(month) for month in months]
    misses.barh([item.rule for item in found], [item.critical_misses for item in found], color="tab:red")
    for row, item in enumerate(found):
        text = f" {item.critical_misses:,} missed, {item.overruns:,} calls refused"
        misses.text(item.critical_misses, row, text, va="center", fontsize=8)
    misses.set(title=f"Deadline misses of critical work, of {found[0].critical_jobs:,} pieces")
    misses.invert_yaxis()
    misses.margins(x=0.4)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _is_missed(job: Job, end_second: float) -> bool:
    """Work that is not done is missed once its deadline has passed."""
    done = end_second if job.finished_second is None else job.finished_second
    return done - job.due_second > job.sync.deadline_seconds


def _mean_minutes(jobs: Sequence[Job]) -> float:
    waits = [job.finished_second - job.due_second for job in jobs if job.finished_second is not None]
    return round(fmean(waits) / 60, 2) if waits else 0.0
