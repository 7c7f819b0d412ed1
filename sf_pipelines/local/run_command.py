"""`sf-pipelines run`: one declared load, through Dagster on the sandbox or on parts of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from rich.table import Table

from sf_pipelines.components.load import SalesforceLoad
from sf_pipelines.ledger.queries import RunSummary, recent_runs
from sf_pipelines.local.demo import LOG
from sf_pipelines.local.launcher import Launcher, LaunchOrder
from sf_pipelines.local.sandbox import PROJECT_FOLDER, SandboxError, open_sandbox
from sf_pipelines.resources.pipelines import open_ledger


def run_sync(
    name: str, partition: str | None, *, tell: Callable[[str], None]
) -> tuple[RunSummary, dict[str, Any], Table]:
    """Run a load for one partition, by default the running day or hour; its end, as figures and as a table.

    Raises:
        SandboxError: no load has that name, another process uses the sandbox, or the run came to no end.
        LauncherError: the definitions do not load.
    """
    load = _declared(name)
    partition = partition or f"{datetime.now(UTC):{'%Y-%m-%d-%H:00' if load.usage else '%Y-%m-%d'}}"
    with open_sandbox(fresh=False) as sandbox:
        log = sandbox.settings.home / LOG
        tell(f"Running {name} for {partition} through Dagster.")
        started_at = datetime.now(UTC)
        with Launcher(environment=sandbox.environment, folder=PROJECT_FOLDER, log=log) as launcher:
            launcher.run(LaunchOrder(assets=[load.asset_key.to_user_string()], partition=partition))
        with open_ledger(sandbox.settings) as engine:
            newest = recent_runs(engine, sync=name, limit=1)
    if not newest or newest[0].started_at < started_at:
        raise SandboxError(f"{name} did not come to the ledger: {log} says why.")
    return newest[0], asdict(newest[0]), _table(newest[0])


def _declared(name: str) -> SalesforceLoad:
    tree = dg.ComponentTree.for_project(PROJECT_FOLDER)
    loads = {load.to_sync().name: load for load in tree.get_all_components(of_type=SalesforceLoad)}
    if name not in loads:
        raise SandboxError(f"No load named {name} is declared; there are {', '.join(sorted(loads))}.")
    return loads[name]


def _table(run: RunSummary) -> Table:
    table = Table(
        title=f"{run.sync} of {run.partition_key}: {run.state.replace('_', ' ')}", show_header=False
    )
    table.add_row("Verdict", run.verdict_text)
    table.add_row("Rail", f"{run.rail or 'none'}: {run.because}")
    for outcome in ("submitted", "succeeded", "failed", "unprocessed", "unchanged"):
        table.add_row(f"Rows {outcome}", f"{getattr(run, outcome):,}")
    for code, rows in run.errors.items():
        table.add_row(code, f"{rows:,}")
    return table
