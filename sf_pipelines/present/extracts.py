"""Reports of extracts as Dagster metadata and checks: the run as a whole, and each of its days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pyarrow as pa

from sf_pipelines.present.decision_card import decision_card, decision_figures
from sf_pipelines.present.outcomes import figures, job_links
from sf_pipelines.workflows.extract import ExtractReport


def extract_metadata(report: ExtractReport) -> dict[str, dg.MetadataValue]:
    """What the asset page shows of an extract, the same for every day of its window."""
    table = f"raw.{report.decision.slice.sobject.lower()}"
    return {
        "verdict": dg.MetadataValue.text(report.verdict.text),
        "decision": dg.MetadataValue.md(decision_card(report.decision)),
        "rail": dg.MetadataValue.text(report.decision.rail.value if report.decision.rail else ""),
        "dagster/table_name": dg.MetadataValue.text(table),
        "dagster/uri": dg.MetadataValue.text(report.uri),
        "dagster/column_schema": dg.MetadataValue.table_schema(_table_schema(report.schema)),
        "rows_reported": dg.MetadataValue.int(report.counts.submitted),
        "rows_written": dg.MetadataValue.int(report.counts.succeeded),
        "rows_inserted": dg.MetadataValue.int(report.merge.inserted),
        "rows_updated": dg.MetadataValue.int(report.merge.updated),
        "checksum": dg.MetadataValue.text(f"{report.checksum:016x}"),
        "files": dg.MetadataValue.int(len(report.files)),
        "processes": dg.MetadataValue.int(report.attempts),
        "read_until": dg.MetadataValue.timestamp(report.window.end),
        "window_is_over": dg.MetadataValue.bool(report.window_is_over),
        "api_calls": dg.MetadataValue.int(report.api_calls),
        "seconds": dg.MetadataValue.float(round(report.seconds, 3)),
        "ledger_run": dg.MetadataValue.text(str(report.run_id)),
        **figures(decision_figures(report.decision)),
        **job_links(report.job_urls),
    }


def day_metadata(report: ExtractReport, day: str) -> dict[str, dg.MetadataValue]:
    """What differs from day to day.

    Args:
        day: UTC, as `2026-01-31`, which is how partitions are named.
    """
    end = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(report.rows_by_day.get(day, 0)),
        "day_is_over": dg.MetadataValue.bool(end <= report.window.end),
    }


def every_row_check(report: ExtractReport, *, name: str) -> dg.AssetCheckResult:
    """Whether what the org reported was received and written."""
    return dg.AssetCheckResult(
        check_name=name,
        passed=report.verdict.state.is_green,
        description=report.verdict.text,
        metadata={"rows_reported": report.counts.submitted, "rows_written": report.counts.succeeded},
    )


def agreement_check(report: ExtractReport, *, name: str) -> dg.AssetCheckResult:
    """Whether the warehouse holds every row that the org has of the window, counted after the extract.

    The warehouse may hold more: a row that was changed since is in a later window by now, from which the next
    run reads it.
    """
    missing = report.org_rows - report.warehouse_rows
    held = f"The org has {report.org_rows:,} rows of the window and the warehouse {report.warehouse_rows:,}"
    if missing > 0:
        text = f"{held}: {missing:,} are missing, so run the window again."
    elif missing < 0:
        text = f"{held}: {-missing:,} were changed or deleted for good since they were read."
    else:
        text = f"{held}: the same number."
    return dg.AssetCheckResult(
        check_name=name,
        passed=missing <= 0,
        description=text,
        metadata={"org_rows": report.org_rows, "warehouse_rows": report.warehouse_rows},
    )


def _table_schema(schema: pa.Schema) -> dg.TableSchema:
    return dg.TableSchema(columns=[dg.TableColumn(field.name, str(field.type)) for field in schema])
