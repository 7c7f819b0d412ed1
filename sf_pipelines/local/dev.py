"""`sf-pipelines dev`: the Dagster UI on the embedded parts, or on one's own where settings name them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime

from sf_pipelines.local import demo_data
from sf_pipelines.local.demo import ACCOUNTS, OPPORTUNITIES, SEED
from sf_pipelines.local.processes import beside, dg_command, program, run_in_foreground
from sf_pipelines.local.product_usage import fill_usage
from sf_pipelines.local.sandbox import PROJECT_FOLDER, Sandbox, open_sandbox
from sf_pipelines.local.source_tables import fill_source_tables, tables_in_use
from sf_pipelines.resources.pipelines import open_tools


def run_dev(*, port: int, tell: Callable[[str], None]) -> int:
    """Serve the UI until Ctrl-C; everything that was started stops with it.

    Raises:
        SandboxError, EmbeddedPostgresError: the embedded parts do not start.
    """
    with open_sandbox(fresh=False) as sandbox:
        if sandbox.org is not None:
            _fill_once(sandbox)
        with _subscriber(sandbox, tell):
            tell(f"Dagster UI on http://127.0.0.1:{port} - Ctrl-C stops everything.")
            command = dg_command("dev", "--host", "127.0.0.1", "--port", str(port))
            return run_in_foreground(command, environment=sandbox.environment, folder=PROJECT_FOLDER)


@contextmanager
def _subscriber(sandbox: Sandbox, tell: Callable[[str], None]) -> Generator[None]:
    """The change subscriber of the embedded org; an org of one's own has one that runs as a service."""
    if sandbox.org is None:
        yield
        return
    log = sandbox.settings.home / "subscriber.log"
    command = program("sf-pipelines", "subscribe")
    with beside(command, environment=sandbox.environment, folder=PROJECT_FOLDER, log=log, tell=tell):
        tell(f"Change events are stored as they come; the subscriber tells in {log} what it does.")
        yield


def _fill_once(sandbox: Sandbox) -> None:
    """Source rows to load, so that the UI has something to do before the first demo."""
    with open_tools(sandbox.settings, tell=lambda _: None) as tools:
        if not tables_in_use(tools.engine):
            accounts = demo_data.account_rows(count=ACCOUNTS, seed=SEED)
            opportunities = demo_data.opportunity_rows(count=OPPORTUNITIES, accounts=ACCOUNTS, seed=SEED)
            fill_source_tables(tools.engine, accounts, opportunities)
            fill_usage(tools.engine, until=datetime.now(UTC).date(), seed=SEED)
