"""Reports of loads as Dagster metadata: stable keys, figures for plots, one table of errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from sf_pipelines.ledger.queries import ErrorCount
from sf_pipelines.policy.mends import mend
from sf_pipelines.present.decision_card import decision_card, decision_figures
from sf_pipelines.workflows.load import LoadReport

ERROR_TABLE_ROWS = 20
"""Error codes shown; the counts beside the table are exact."""


MESSAGE_CHARACTERS = 120
"""Shown of the org's text, which can quote a whole value: a longer one makes a table that nobody can read."""

FAILED_RECORDS = dg.AssetKey(["ledger", "failed_records"])
"""The asset that shows what every load has left."""


def load_metadata(
    report: LoadReport, errors: Sequence[ErrorCount], *, previous_run: str | None = None
) -> dict[str, dg.MetadataValue]:
    """What the asset page shows of a load.

    Args:
        previous_run: Dagster run of the load of the same partition before.
    """
    counts = report.counts
    return {
        "verdict": dg.MetadataValue.text(report.verdict.text),
        **_next_steps(errors),
        **_error_table(errors),
        **_failed_rows(report, errors),
        "decision": dg.MetadataValue.md(decision_card(report.decision)),
        "rail": dg.MetadataValue.text(report.decision.rail.value if report.decision.rail else ""),
        "rows_submitted": dg.MetadataValue.int(counts.submitted),
        "rows_succeeded": dg.MetadataValue.int(counts.succeeded),
        "rows_failed": dg.MetadataValue.int(counts.failed),
        "rows_unprocessed": dg.MetadataValue.int(counts.unprocessed),
        "rows_unchanged": dg.MetadataValue.int(counts.unchanged),
        "processes": dg.MetadataValue.int(report.attempts),
        "api_calls": dg.MetadataValue.int(report.api_calls),
        "seconds": dg.MetadataValue.float(round(report.seconds, 3)),
        "ledger_run": dg.MetadataValue.text(str(report.run_id)),
        **figures(decision_figures(report.decision)),
        **_previous(previous_run),
        **job_links(report.job_urls),
    }


def figures(named: Mapping[str, int | float]) -> dict[str, dg.MetadataValue]:
    """Figures for plots, whole ones as such."""
    return {
        name: dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.float(value)
        for name, value in named.items()
    }


def next_step_of(errors: Sequence[ErrorCount]) -> str:
    """What to do about the refused rows of a load with the largest code; empty where there are none."""
    return f"Next: {_mend_of(max(errors, key=lambda error: error.rows))}." if errors else ""


def _next_steps(errors: Sequence[ErrorCount]) -> dict[str, dg.MetadataValue]:
    """One sentence for each code; in a table they would be columns too narrow to read."""
    steps = "\n".join(f"- {_mend_of(error)}" for error in errors[:ERROR_TABLE_ROWS])
    return {"next_steps": dg.MetadataValue.md(steps)} if errors else {}


def _mend_of(error: ErrorCount) -> str:
    rows = f"{error.rows:,} row" + ("" if error.rows == 1 else "s")
    return f"{rows} with {error.code}: {mend(error.failure_class)}"


def shortened(text: str) -> str:
    """The text as a table has room for it; `sf-pipelines trace` tells all of it."""
    return text if len(text) <= MESSAGE_CHARACTERS else f"{text[: MESSAGE_CHARACTERS - 1]}…"


def _error_table(errors: Sequence[ErrorCount]) -> dict[str, dg.MetadataValue]:
    if not errors:
        return {}
    records: list[Any] = [
        dg.TableRecord(
            {
                "code": error.code,
                "rows": error.rows,
                "sample_key": error.source_key_sample,
                "sample_message": shortened(error.message_sample),
            }
        )
        for error in errors[:ERROR_TABLE_ROWS]
    ]
    return {"errors": dg.MetadataValue.table(records=records, schema=_ERROR_COLUMNS)}


_ERROR_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("code", "string", description="Salesforce's error code"),
        dg.TableColumn("rows", "int", description="rows refused with it, exact"),
        dg.TableColumn("sample_key", "string", description="source key of one of them"),
        dg.TableColumn("sample_message", "string", description="the org's text for that row"),
    ]
)


def _failed_rows(report: LoadReport, errors: Sequence[ErrorCount]) -> dict[str, dg.MetadataValue]:
    """The way from a red partition to its records."""
    if not errors:
        return {}
    sample = errors[0].source_key_sample
    commands = (
        f"All with values and messages: `sf-pipelines failures --run {report.run_id}`; "
        f"the life of one: `sf-pipelines trace {sample}`."
    )
    return {
        "failed_records": dg.MetadataValue.asset(FAILED_RECORDS),
        "see_failed_rows": dg.MetadataValue.md(commands),
    }


def _previous(dagster_run: str | None) -> dict[str, dg.MetadataValue]:
    return {"previous_attempt": dg.MetadataValue.dagster_run(dagster_run)} if dagster_run else {}


def job_links(urls: Mapping[str, str]) -> dict[str, dg.MetadataValue]:
    """Bulk jobs with their pages in the org's own user interface; nothing where there were none."""
    links = "\n".join(f"- [{job_id}]({url})" for job_id, url in urls.items())
    return {"jobs": dg.MetadataValue.md(links)} if links else {}
