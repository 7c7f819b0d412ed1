"""The demo's report as tables for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sf_pipelines.ledger.queries import RunSummary
from sf_pipelines.local.demo_report import DemoReport

_COLOURS = {"complete": "green", "rejects_within_tolerance": "yellow"}


def print_report(report: DemoReport, console: Console) -> None:
    """Rails and why, the accounting law, error codes, agreement, and where to look next."""
    console.print(_rails(report))
    console.print(_accounting(report))
    console.print(_errors(report))
    console.print(_agreement(report))
    console.print(_stages(report))
    console.print(_usage(report))
    console.print(_next_steps(report))


def _rails(report: DemoReport) -> Table:
    table = Table(title="Which rail, and why")
    table.add_column("Sync", no_wrap=True)
    for name in ("Rail", "Why", "API calls"):
        table.add_column(name)
    for run in (*report.loads, *report.extracts):
        table.add_row(run.sync, run.rail, Text(run.because), f"{run.api_calls:,}")
    return table


def _accounting(report: DemoReport) -> Table:
    table = Table(title="Every row accounted for: submitted = succeeded + failed + unprocessed")
    table.add_column("Load", no_wrap=True)
    for name in ("Submitted", "Succeeded", "Failed", "Unprocessed"):
        table.add_column(name, justify="right")
    table.add_column("Partition ended")
    for run in report.loads:
        figures = (run.submitted, run.succeeded, run.failed, run.unprocessed)
        table.add_row(run.sync, *(f"{figure:,}" for figure in figures), _state(run))
    return table


def _errors(report: DemoReport) -> Table:
    table = Table("Load", "Error code", title="What the org refused")
    table.add_column("Rows", justify="right")
    for run in report.loads:
        for code, rows in sorted(run.errors.items(), key=lambda item: -item[1]):
            table.add_row(run.sync, code, f"{rows:,}")
    return table


def _agreement(report: DemoReport) -> Table:
    table = Table("Object", title="Org and warehouse, row by row (Id and SystemModstamp)")
    for name in ("In the org", "In raw.*", "Missing", "Extra", "Stale"):
        table.add_column(name, justify="right")
    table.add_column("Agree")
    for item in report.agreements:
        figures = (item.org_rows, item.warehouse_rows, item.missing, item.extra, item.stale)
        verdict = "[green]yes[/]" if item.agrees else "[red]no[/]"
        table.add_row(item.sobject, *(f"{figure:,}" for figure in figures), verdict)
    return table


def _stages(report: DemoReport) -> Table:
    table = Table("Stage", title="The mart pipeline_by_stage, made by dbt from raw.*")
    for name in ("Opportunities", "Accounts", "Amount", "Weighted", "Last close"):
        table.add_column(name, justify="right")
    for row in report.stages:
        amounts = (f"{row.amount:,.0f}", f"{row.weighted_amount:,.0f}")
        counts = (f"{row.opportunities:,}", f"{row.accounts:,}")
        table.add_row(row.stage, *counts, *amounts, f"{row.last_close_date}")
    return table


def _usage(report: DemoReport) -> Table:
    table = Table("Hour (UTC)", title="Product usage pushed to Accounts, only those that changed")
    for name in ("In the mart", "Unchanged", "Submitted", "Succeeded", "API calls"):
        table.add_column(name, justify="right")
    table.add_column("Rail")
    for run in report.usage:
        figures = (run.unchanged + run.submitted, run.unchanged, run.submitted, run.succeeded, run.api_calls)
        table.add_row(run.partition_key, *(f"{figure:,}" for figure in figures), run.rail)
    return table


def _next_steps(report: DemoReport) -> str:
    return (
        "Where to look next: [bold]make dev[/] opens the Dagster UI on this very sandbox "
        f"({report.home}): the red partition, its decision card, error table and ledger run. Failed rows "
        "with their values are in the table [bold]ledger.failed_record[/]."
    )


def _state(run: RunSummary) -> str:
    colour = _COLOURS.get(run.state, "red")
    return f"[{colour}]{run.state.replace('_', ' ')}[/]"
