"""The one Dagster resource: opens the org, the ledger and the lake of a run, and closes them.

A shell: settings come from the environment when a run starts, never at import, so that definitions
load on a machine that reaches neither database nor org.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

import dagster as dg

from sf_pipelines.config.settings import Settings, load_settings
from sf_pipelines.ledger.engine import migrate, open_engine
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.rails.client import connect
from sf_pipelines.workflows.tools import Tools


class PipelinesResource(dg.ConfigurableResource):
    """Opens what a workflow works with. Where that is, the environment says (`SF_PIPELINES_*`)."""

    @contextmanager
    def open(self, *, tell: Callable[[str], None]) -> Generator[Tools]:
        """Tools of one run.

        Raises:
            SettingsError: a setting is missing; the message names it.
            LedgerError: the database cannot be reached or migrated.
        """
        with open_tools(load_settings(), tell=tell) as tools:
            yield tools


@contextmanager
def open_tools(settings: Settings, *, tell: Callable[[str], None]) -> Generator[Tools]:
    """Tools on the given settings; the ledger is migrated first."""
    database_url = settings.require_database_url()
    salesforce = settings.require_salesforce()
    engine = open_engine(database_url.reveal())
    try:
        migrate(engine)
        yield Tools(
            client=connect(salesforce),
            ledger=Ledger(engine),
            engine=engine,
            database_url=database_url,
            lake=settings.lake,
            spool=settings.home / "spool",
            extract_lag_seconds=settings.extract_lag_seconds,
            tell=tell,
        )
    finally:
        engine.dispose()
