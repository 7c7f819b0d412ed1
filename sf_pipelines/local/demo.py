"""`sf-pipelines demo`: the main job on the embedded parts, through Dagster, from source rows to agreement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from sqlalchemy import Engine, text

from sf_pipelines.config.settings import PREFIX, load_settings
from sf_pipelines.ledger.queries import RunSummary, recent_runs
from sf_pipelines.local import crm_folder, demo_data
from sf_pipelines.local.demo_report import DemoReport, StageRow
from sf_pipelines.local.launcher import Launcher, LaunchOrder
from sf_pipelines.local.product_usage import add_hour, fill_usage
from sf_pipelines.local.sandbox import PROJECT_FOLDER, Sandbox, SandboxError, open_sandbox
from sf_pipelines.local.source_tables import fill_source_tables, tables_in_use
from sf_pipelines.model.rail import Direction
from sf_pipelines.resources.pipelines import open_tools
from sf_pipelines.workflows.agreement import compare
from sf_pipelines.workflows.tools import Tools

ACCOUNTS, OPPORTUNITIES, SEED = 300, 12_000, 7
LOADS = {"account_load": "Account", "opportunity_load": "Opportunity"}
USAGE = "account_usage"
ACCOUNTS_SEEN_IN_AN_HOUR = 12
LOG = "dagster.log"
HOUR = timedelta(hours=1)
NOON = time(12, tzinfo=UTC)

Tell = Callable[[str], None]


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
    now = datetime.now(UTC)
    # the org's clock starts at noon, so that a demo at midnight does not spread over two partitions
    with open_sandbox(fresh=True, org_starts_at=datetime.combine(now.date(), NOON)) as sandbox:
        tell(f"PostgreSQL and an emulated org are up, home {sandbox.settings.home}.")
        with (
            Launcher(
                environment=sandbox.environment, folder=PROJECT_FOLDER, log=sandbox.settings.home / LOG
            ) as launcher,
            open_tools(sandbox.settings, tell=tell) as tools,
        ):
            _refuse_used_database(tools)
            return _run(source, now, sandbox, launcher, tools, tell)


def _refuse_used_database(tools: Tools) -> None:
    """A database of one's own may hold what the demo would drop, or rows of another org."""
    used = tables_in_use(tools.engine)
    if used:
        raise SandboxError(
            f"The database already has {', '.join(used)}: point {PREFIX}DATABASE_URL to an empty database."
        )


def _run(
    source: Path | None, now: datetime, sandbox: Sandbox, launcher: Launcher, tools: Tools, tell: Tell
) -> DemoReport:
    source_rows = _fill(source, tools)
    tell(", ".join(f"{rows:,} rows in crm.{table}" for table, rows in source_rows.items()) + ".")
    partition = f"{now:%Y-%m-%d}"
    loads = _load(partition, sandbox, launcher, tools, tell)
    tell("Extracting back to Parquet and raw.* through Dagster.")
    launcher.run(LaunchOrder(job="nightly_extract", partition=partition))
    extracts = _runs(tools, Direction.EXTRACT)
    _require_all(extracts, len(LOADS), sandbox, "extract")
    agreements = [compare(sobject, tools) for sobject in LOADS.values()]
    usage = _push_usage(now, sandbox, launcher, tools, tell)
    return DemoReport(
        source_rows=source_rows,
        loads=loads,
        extracts=extracts,
        agreements=agreements,
        stages=_stages(tools.engine),
        usage=usage,
        home=sandbox.settings.home,
    )


def _fill(source: Path | None, tools: Tools) -> dict[str, int]:
    if source is None:
        accounts = demo_data.account_rows(count=ACCOUNTS, seed=SEED)
        opportunities = demo_data.opportunity_rows(count=OPPORTUNITIES, accounts=ACCOUNTS, seed=SEED)
    else:
        accounts, opportunities = crm_folder.account_rows(source), crm_folder.opportunity_rows(source)
    return fill_source_tables(tools.engine, accounts, opportunities)


def _load(partition: str, sandbox: Sandbox, launcher: Launcher, tools: Tools, tell: Tell) -> list[RunSummary]:
    """The nightly job; then what it skipped because a parent's load was red, as a person would click."""
    tell("Running the job nightly_load through Dagster.")
    launcher.run(LaunchOrder(job="nightly_load", partition=partition))
    done = {run.sync for run in _runs(tools, Direction.LOAD)}
    for sync, sobject in LOADS.items():
        if sync not in done:
            tell(f"{sync} was skipped because a load before it ended red; running it by itself.")
            launcher.run(LaunchOrder(assets=[f"salesforce/{sobject.lower()}/load"], partition=partition))
    loads = _runs(tools, Direction.LOAD)
    _require_all(loads, len(LOADS), sandbox, "load")
    return loads


def _push_usage(
    now: datetime, sandbox: Sandbox, launcher: Launcher, tools: Tools, tell: Tell
) -> list[RunSummary]:
    """All models and the usage of one hour; then the next hour, in which few accounts were busy."""
    fill_usage(tools.engine, until=now.date(), seed=SEED)
    tell("Building the dbt models and running their tests through Dagster.")
    if not launcher.run(LaunchOrder(job="build_models")):
        raise SandboxError(f"The dbt models were not made: read {sandbox.settings.home / LOG}.")
    tell("Pushing two hours of product usage to the accounts.")
    launcher.run(LaunchOrder(assets=[f"salesforce/usage/{USAGE}"], partition=_hour(now - HOUR)))
    add_hour(tools.engine, accounts=ACCOUNTS_SEEN_IN_AN_HOUR, at=now, seed=SEED)
    launcher.run(LaunchOrder(job="usage_hourly", partition=_hour(now)))
    pushes = [run for run in _runs(tools, Direction.LOAD) if run.sync == USAGE]
    _require_all(pushes, 2, sandbox, "usage push")
    return pushes


def _hour(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d-%H:00}"


def _stages(engine: Engine) -> list[StageRow]:
    columns = ", ".join(StageRow.__dataclass_fields__)
    statement = f"SELECT {columns} FROM mart.pipeline_by_stage ORDER BY is_closed, opportunities DESC"
    with engine.connect() as connection:
        return [StageRow(**row) for row in connection.execute(text(statement)).mappings()]


def _runs(tools: Tools, direction: Direction) -> list[RunSummary]:
    runs = recent_runs(tools.engine, sync=None, limit=20)
    return [run for run in reversed(runs) if run.direction == direction.value]


def _require_all(runs: Sequence[RunSummary], expected: int, sandbox: Sandbox, what: str) -> None:
    broken = [run for run in runs if run.state == "error"]
    if broken:
        raise SandboxError(f"{broken[0].sync} ended by an error: {broken[0].verdict_text}")
    if len(runs) < expected:
        raise SandboxError(
            f"Dagster ran {len(runs)} of {expected} {what}s: read {sandbox.settings.home / LOG}."
        )
