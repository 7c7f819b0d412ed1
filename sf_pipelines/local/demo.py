"""`sf-pipelines demo`: the main job on the embedded parts, through Dagster, from source rows to agreement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from sf_pipelines.config.settings import PREFIX, load_settings
from sf_pipelines.ledger.queries import RunSummary, recent_runs
from sf_pipelines.local import crm_folder, demo_data
from sf_pipelines.local.processes import dg_command, run_to_end
from sf_pipelines.local.sandbox import PROJECT_FOLDER, Sandbox, SandboxError, open_sandbox
from sf_pipelines.local.source_tables import fill_source_tables, tables_in_use
from sf_pipelines.model.outcome import VerdictState
from sf_pipelines.model.rail import Direction
from sf_pipelines.resources.pipelines import open_tools
from sf_pipelines.workflows.agreement import Agreement, compare
from sf_pipelines.workflows.tools import Tools

ACCOUNTS, OPPORTUNITIES, SEED = 300, 12_000, 7
LOADS = {"account_load": "Account", "opportunity_load": "Opportunity"}
NOON = time(12, tzinfo=UTC)

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoReport:
    """What the demo did.

    Attributes:
        source_rows: rows of the source tables by table.
        loads, extracts: their runs in the ledger, in the order in which they ran.
    """

    source_rows: Mapping[str, int]
    loads: Sequence[RunSummary]
    extracts: Sequence[RunSummary]
    agreements: Sequence[Agreement]
    home: Path

    @property
    def is_proven(self) -> bool:
        """Whether every source row is accounted for and org and warehouse agree."""
        submitted = sum(run.submitted for run in self.loads)
        accounted = all(
            run.submitted == run.succeeded + run.failed + run.unprocessed
            and run.state not in (VerdictState.ROWS_UNACCOUNTED, VerdictState.COUNTERS_DISAGREE)
            for run in self.loads
        )
        agree = all(agreement.agrees for agreement in self.agreements)
        return submitted == sum(self.source_rows.values()) and accounted and agree

    def to_json(self) -> dict[str, Any]:
        """The report as one JSON document."""
        return {
            "source_rows": dict(self.source_rows),
            "loads": [_load_json(run) for run in self.loads],
            "extracts": [_extract_json(run) for run in self.extracts],
            "agreement": [asdict(item) | {"agrees": item.agrees} for item in self.agreements],
            "every_row_accounted_for": self.is_proven,
            "home": str(self.home),
        }


def run_demo(*, source: Path | None, tell: Tell) -> DemoReport:
    """Run the demo on a fresh sandbox.

    Args:
        source: a folder with accounts.csv and sales_pipeline.csv; None makes a data set by a seed.
        tell: takes a sentence of progress.

    Raises:
        SandboxError: an org of one's own is configured, or a Dagster run never came to its ledger row.
        LakeError: a file of the folder cannot be read; nothing was started for it.
    """
    if load_settings().salesforce is not None:
        raise SandboxError(
            f"The demo writes into its own emulated org only: unset {PREFIX}SALESFORCE_URL to run it."
        )
    if source is not None:
        crm_folder.check(source)
    today = datetime.now(UTC).date()
    # the org's clock starts at noon, so that a demo at midnight does not spread over two partitions
    with open_sandbox(fresh=True, org_starts_at=datetime.combine(today, NOON)) as sandbox:
        tell(f"PostgreSQL and an emulated org are up, home {sandbox.settings.home}.")
        with open_tools(sandbox.settings, tell=tell) as tools:
            _refuse_used_database(tools)
            return _run(source, str(today), sandbox, tools, tell)


def _refuse_used_database(tools: Tools) -> None:
    """A database of one's own may hold what the demo would drop, or rows of another org."""
    used = tables_in_use(tools.engine)
    if used:
        raise SandboxError(
            f"The database already has {', '.join(used)}: point {PREFIX}DATABASE_URL to an empty database."
        )


def _run(source: Path | None, partition: str, sandbox: Sandbox, tools: Tools, tell: Tell) -> DemoReport:
    source_rows = _fill(source, tools)
    tell(", ".join(f"{rows:,} rows in crm.{table}" for table, rows in source_rows.items()) + ".")
    loads = _load(partition, sandbox, tools, tell)
    tell("Extracting back to Parquet and raw.* through Dagster.")
    _launch(["--job", "nightly_extract"], partition, sandbox)
    extracts = _runs(tools, Direction.EXTRACT)
    _require_all(extracts, len(LOADS), sandbox, "extract")
    return DemoReport(
        source_rows=source_rows,
        loads=loads,
        extracts=extracts,
        agreements=[compare(sobject, tools) for sobject in LOADS.values()],
        home=sandbox.settings.home,
    )


def _fill(source: Path | None, tools: Tools) -> dict[str, int]:
    if source is None:
        accounts = demo_data.account_rows(count=ACCOUNTS, seed=SEED)
        opportunities = demo_data.opportunity_rows(count=OPPORTUNITIES, accounts=ACCOUNTS, seed=SEED)
    else:
        accounts, opportunities = crm_folder.account_rows(source), crm_folder.opportunity_rows(source)
    return fill_source_tables(tools.engine, accounts, opportunities)


def _load(partition: str, sandbox: Sandbox, tools: Tools, tell: Tell) -> list[RunSummary]:
    """The nightly job; then what it skipped because a parent's load was red, as a person would click."""
    tell("Running the job nightly_load through Dagster.")
    _launch(["--job", "nightly_load"], partition, sandbox)
    done = {run.sync for run in _runs(tools, Direction.LOAD)}
    for sync, sobject in LOADS.items():
        if sync not in done:
            tell(f"{sync} was skipped because a load before it ended red; running it by itself.")
            _launch(["--assets", f"salesforce/{sobject.lower()}/load"], partition, sandbox)
    loads = _runs(tools, Direction.LOAD)
    _require_all(loads, len(LOADS), sandbox, "load")
    return loads


def _launch(selection: Sequence[str], partition: str, sandbox: Sandbox) -> None:
    """Launch and wait; a red run is a result and not an error, the ledger tells which."""
    command = dg_command("launch", *selection, "--partition", partition)
    log = sandbox.settings.home / "dagster.log"
    run_to_end(command, environment=sandbox.environment, folder=PROJECT_FOLDER, log=log)


def _runs(tools: Tools, direction: Direction) -> list[RunSummary]:
    runs = recent_runs(tools.engine, sync=None, limit=20)
    return [run for run in reversed(runs) if run.direction == direction.value]


def _require_all(runs: Sequence[RunSummary], expected: int, sandbox: Sandbox, what: str) -> None:
    broken = [run for run in runs if run.state == "error"]
    if broken:
        raise SandboxError(f"{broken[0].sync} ended by an error: {broken[0].verdict_text}")
    if len(runs) < expected:
        raise SandboxError(
            f"Dagster ran {len(runs)} of {expected} {what}s: read {sandbox.settings.home / 'dagster.log'}."
        )


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
