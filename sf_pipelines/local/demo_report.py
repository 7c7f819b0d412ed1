"""What the demo did, as one document; tables for people are in `demo_tables`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from sf_pipelines.ledger.queries import RunSummary
from sf_pipelines.model.outcome import VerdictState
from sf_pipelines.workflows.agreement import Agreement


@dataclass(frozen=True, kw_only=True, slots=True)
class StageRow:
    """A row of the mart `pipeline_by_stage`."""

    stage: str
    opportunities: int
    accounts: int
    amount: Decimal
    weighted_amount: Decimal
    last_close_date: date


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoReport:
    """What the demo did.

    Attributes:
        source_rows: rows of the source tables by table.
        loads, extracts, usage: their runs in the ledger, in the order in which they ran.
        agreements: of org and warehouse after the extracts, before usage was pushed.
        stages: the mart `pipeline_by_stage`.
    """

    source_rows: Mapping[str, int]
    loads: Sequence[RunSummary]
    extracts: Sequence[RunSummary]
    agreements: Sequence[Agreement]
    stages: Sequence[StageRow]
    usage: Sequence[RunSummary]
    home: Path

    @property
    def is_proven(self) -> bool:
        """Whether every source row is accounted for and org and warehouse agree."""
        submitted = sum(run.submitted for run in self.loads)
        accounted = all(map(_is_accounted, (*self.loads, *self.usage)))
        agree = all(agreement.agrees for agreement in self.agreements)
        return submitted == sum(self.source_rows.values()) and accounted and agree

    def to_json(self) -> dict[str, Any]:
        """The report as one JSON document."""
        return {
            "source_rows": dict(self.source_rows),
            "loads": [_load_json(run) for run in self.loads],
            "extracts": [_extract_json(run) for run in self.extracts],
            "agreement": [asdict(item) | {"agrees": item.agrees} for item in self.agreements],
            "pipeline_by_stage": [asdict(stage) for stage in self.stages],
            "usage": [_usage_json(run) for run in self.usage],
            "every_row_accounted_for": self.is_proven,
            "home": str(self.home),
        }


def _is_accounted(run: RunSummary) -> bool:
    is_counted = run.submitted == run.succeeded + run.failed + run.unprocessed
    return is_counted and run.state not in (VerdictState.ROWS_UNACCOUNTED, VerdictState.COUNTERS_DISAGREE)


def _usage_json(run: RunSummary) -> dict[str, Any]:
    return {"hour": run.partition_key, "unchanged": run.unchanged} | _load_json(run)


def _load_json(run: RunSummary) -> dict[str, Any]:
    return {
        "sync": run.sync,
        "rail": run.rail,
        "because": run.because,
        "state": run.state,
        "submitted": run.submitted,
        "succeeded": run.succeeded,
        "failed": run.failed,
        "unprocessed": run.unprocessed,
        "errors": dict(run.errors),
        "api_calls": run.api_calls,
        "ledger_run": str(run.run_id),
        "dagster_run": run.dagster_run_id,
    }


def _extract_json(run: RunSummary) -> dict[str, Any]:
    return {
        "sync": run.sync,
        "rail": run.rail,
        "because": run.because,
        "state": run.state,
        "reported": run.submitted,
        "written": run.succeeded,
        "api_calls": run.api_calls,
        "ledger_run": str(run.run_id),
        "dagster_run": run.dagster_run_id,
    }
