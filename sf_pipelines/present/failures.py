"""Failed records as Dagster metadata: what is open by sync and code, with the next step in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from sf_pipelines.ledger.failure_queries import FailureCount, RedLoad
from sf_pipelines.ledger.queries import FailedRecordRow
from sf_pipelines.policy.mends import mend
from sf_pipelines.present.outcomes import shortened
from sf_pipelines.workflows.open_failures import OpenFailures

TABLE_ROWS = 20
"""Rows shown of each table; the figures beside it are exact."""

_COUNT_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("sync", "string", description="the declared load"),
        dg.TableColumn("code", "string", description="Salesforce's error code"),
        dg.TableColumn("class", "string", description="kind of failure, says whether a retry is safe"),
        dg.TableColumn("rows", "int", description="records, exact"),
        dg.TableColumn("sent_again_at", "string", description="by itself; empty where a person has to act"),
        dg.TableColumn("sample_key", "string"),
    ]
)
_RECORD_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("key", "string", description="value of the sync's key field"),
        dg.TableColumn("sync", "string"),
        dg.TableColumn("code", "string"),
        dg.TableColumn("message", "string", description="the org's text"),
        dg.TableColumn("fields", "string", description="fields that the org names"),
        dg.TableColumn("carrier", "string", description="Bulk job or REST request"),
        dg.TableColumn("attempt", "int"),
        dg.TableColumn("failed_at", "string"),
    ]
)


def failures_metadata(failures: OpenFailures) -> dict[str, dg.MetadataValue]:
    """What the page of `ledger/failed_records` shows."""
    return {
        "next_step": dg.MetadataValue.md(next_step_text(failures)),
        "next_steps": dg.MetadataValue.md(_next_steps(failures)),
        "open_by_code": dg.MetadataValue.table(
            [_count_record(item) for item in failures.counts[:TABLE_ROWS]], _COUNT_COLUMNS
        ),
        "newest": dg.MetadataValue.table(
            [_record(item) for item in failures.newest[:TABLE_ROWS]], _RECORD_COLUMNS
        ),
        "rows_open": dg.MetadataValue.int(failures.rows),
        "rows_sent_again_by_themselves": dg.MetadataValue.int(failures.rows_waiting),
        "loads_red": dg.MetadataValue.int(len(failures.red)),
        "dagster/table_name": dg.MetadataValue.text("ledger.failed_record"),
    }


def _next_steps(failures: OpenFailures) -> str:
    """One sentence for each sync and code; in a table they would be columns too narrow to read."""
    return "\n".join(
        f"- {_plural(item.rows, 'row')} of {item.sync} with {item.code}: {mend(item.failure_class)}"
        for item in failures.counts[:TABLE_ROWS]
    )


def no_load_left_failed(failures: OpenFailures, *, key: dg.AssetKey, name: str) -> dg.AssetCheckResult:
    """Whether anything waits for a person, and what that person does."""
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not failures.red,
        severity=dg.AssetCheckSeverity.ERROR,
        description=next_step_text(failures),
        metadata={"loads_red": len(failures.red), "rows_open": failures.rows},
    )


def next_step_text(failures: OpenFailures) -> str:
    """Full sentences with figures: what is open, and what to do about the largest part of it."""
    if not failures.counts and not failures.red:
        return "No load is left failed, and no record is open."
    parts = [f"{_plural(failures.rows, 'record')} open."]
    if failures.red:
        loads = ", ".join(_red_name(item) for item in failures.red[:3])
        more = f" and {len(failures.red) - 3:,} more" if len(failures.red) > 3 else ""
        parts.append(f"{_plural(len(failures.red), 'load')} ended red: {loads}{more}.")
    if failures.counts:
        first = failures.counts[0]
        parts.append(
            f"Most of them: {_plural(first.rows, 'row')} of {first.sync} with {first.code}; "
            f"{mend(first.failure_class)}. "
            f"See them with `sf-pipelines failures --sync {first.sync}`, one with `sf-pipelines trace "
            f"{first.sample_key}`; send them again with the job `resend_{first.sync}`."
        )
    return " ".join(parts)


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _red_name(load: RedLoad) -> str:
    return f"{load.sync} of {load.partition_key}" if load.partition_key else load.sync


def _count_record(count: FailureCount) -> dg.TableRecord:
    return _table_record(
        {
            "sync": count.sync,
            "code": count.code,
            "class": count.failure_class or "",
            "rows": count.rows,
            "sent_again_at": f"{count.waits_for:%Y-%m-%d %H:%M}Z" if count.waits_for else "",
            "sample_key": count.sample_key,
        }
    )


def _record(row: FailedRecordRow) -> dg.TableRecord:
    return _table_record(
        {
            "key": row.source_key,
            "sync": row.sync,
            "code": row.code,
            "message": shortened(row.message),
            "fields": ", ".join(row.fields),
            "carrier": row.job_id or row.request_id or "",
            "attempt": row.attempt,
            "failed_at": f"{row.failed_at:%Y-%m-%d %H:%M:%S}Z",
        }
    )


def _table_record(values: Mapping[str, Any]) -> dg.TableRecord:
    return dg.TableRecord(values)
