"""The report of `sf-pipelines demo-changes` as tables for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sf_pipelines.ledger.change_queries import GapRow
from sf_pipelines.local.change_demo import SOBJECT, ChangeDemoReport


def print_change_report(report: ChangeDemoReport, console: Console) -> None:
    """Gaps with their proof, both sides, and where to look next."""
    console.print(_gaps(report))
    console.print(_sides(report))
    console.print(
        f"Where to look next: make dev opens the Dagster UI on this very sandbox ({report.home}): the assets "
        "salesforce/account/changes and salesforce/account/gap_repair with their runs and checks."
    )


def _gaps(report: ChangeDemoReport) -> Table:
    table = Table(title="Gaps that opened by themselves, and the proof that closed each")
    for name in ("Object", "Cause"):
        table.add_column(name, no_wrap=True)
    for name in ("In the org", "Before", "After", "Repaired", "Deleted"):
        table.add_column(name, justify="right")
    table.add_column("Closed")
    for gap in report.gaps:
        table.add_row(gap.sobject or "all", gap.cause, *_proof(gap), _closed(gap))
    return table


def _proof(gap: GapRow) -> list[str]:
    counts = (gap.org_rows, gap.rows_before, gap.rows_after, gap.rows_repaired, gap.rows_deleted)
    return ["" if count is None else f"{count:,}" for count in counts]


def _closed(gap: GapRow) -> Text:
    return Text("no", "red") if gap.closed_at is None else Text("yes", "green")


def _sides(report: ChangeDemoReport) -> Table:
    table = Table(title="Org and warehouse, row by row")
    for name in ("Object", "Events stored", "In the org", "In raw.account", "Differing"):
        table.add_column(name, justify="left" if name == "Object" else "right")
    counts = (report.events, report.org_rows, report.warehouse_rows, report.differing)
    table.add_row(SOBJECT, *(f"{count:,}" for count in counts))
    return table
