"""`sf-pipelines simulate`: a month under the rail policy and under fixed rules, as a table or a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from sf_pipelines.workflows.simulation.report import RuleFigures, figures, plot, run_all


def simulate_month(*, days: int, seed: int, png: Path | None) -> tuple[dict[str, Any], Table]:
    """Figures by rule; the plot is written where a path is given."""
    months = run_all(days=days, seed=seed)
    if png is not None:
        plot(months, png)
    found = [figures(month) for month in months]
    document = {"days": days, "seed": seed, "policies": {item.rule: item.to_json() for item in found}}
    return document, _table(found, days)


def _table(found: list[RuleFigures], days: int) -> Table:
    table = Table("Rule", title=f"{days} days, {found[0].critical_jobs:,} pieces of critical work")
    for column in (
        "Critical missed",
        "Others missed",
        "Calls used",
        "Overruns",
        "Critical, mean min",
        "Others, mean min",
    ):
        table.add_column(column, justify="right")
    for item in found:
        counts = (item.critical_misses, item.other_misses, item.calls_used, item.overruns)
        means = (item.critical_minutes, item.other_minutes)
        table.add_row(item.rule, *(f"{count:,}" for count in counts), *(f"{mean:,.2f}" for mean in means))
    return table
