"""The one Dagster resource: opens the org, the ledger and the lake of a run, and closes them.

A shell: settings come from the environment when a run starts, never at import, so that definitions
load on a machine that reaches neither database nor org.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime

import dagster as dg
from sqlalchemy import Engine

from sf_pipelines.config.settings import Settings, SettingsError, load_settings
from sf_pipelines.lake.errors import LakeError
from sf_pipelines.ledger.engine import LedgerError, migrate, open_engine
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.rails.client import connect
from sf_pipelines.rails.errors import SalesforceError
from sf_pipelines.resources.dbt_project import DbtProjectError
from sf_pipelines.workflows.errors import WorkflowError
from sf_pipelines.workflows.known_objects import KnownObjects
from sf_pipelines.workflows.pacing import paced
from sf_pipelines.workflows.promises import Promises
from sf_pipelines.workflows.tools import Tools

KNOWN_ERRORS: tuple[type[Exception], ...] = (
    SettingsError,
    LedgerError,
    LakeError,
    SalesforceError,
    WorkflowError,
    DbtProjectError,
)
"""Errors whose message is already the sentence that a person needs; anything else is a defect of ours."""


LOOK_SECONDS = 3.0
"""Longest wait for an org that is only looked at while definitions load."""


class PipelinesResource(dg.ConfigurableResource):
    """Opens what a workflow works with. Where that is, the environment says (`SF_PIPELINES_*`)."""

    @contextmanager
    def open(self, *, tell: Callable[[str], None]) -> Generator[Tools]:
        """Tools of one run; an error of ours ends the step with its one sentence.

        Raises:
            dagster.Failure: a setting is missing, a part cannot be reached, or the run cannot go on.
                Dagster must not retry it: what was written is in the ledger, and a person decides.
        """
        with told_by_dagster(), open_tools(load_settings(), tell=tell) as tools:
            yield tools

    @contextmanager
    def open_ledger(self) -> Generator[Engine]:
        """The ledger alone, for what asks nothing of the org.

        Raises:
            dagster.Failure: as for `open`.
        """
        with told_by_dagster(), open_ledger(load_settings()) as engine:
            yield engine


@contextmanager
def told_by_dagster() -> Generator[None]:
    """Errors of ours as a failure with their one sentence.

    Raises:
        dagster.Failure: in place of any of KNOWN_ERRORS.
    """
    try:
        yield
    except KNOWN_ERRORS as error:
        raise dg.Failure(str(error), allow_retries=False) from error


@contextmanager
def open_ledger(settings: Settings) -> Generator[Engine]:
    """A pool on the migrated ledger, closed at the end."""
    engine = open_engine(settings.require_database_url().reveal())
    try:
        migrate(engine)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def open_tools(settings: Settings, *, tell: Callable[[str], None]) -> Generator[Tools]:
    """Tools on the given settings; the ledger is migrated first."""
    salesforce = settings.require_salesforce()
    with open_ledger(settings) as engine, Promises() as promises:
        yield Tools(
            client=paced(connect(salesforce), promises, engine),
            ledger=Ledger(engine),
            engine=engine,
            database_url=settings.require_database_url(),
            lake=settings.lake,
            spool=settings.home / "spool",
            extract_lag_seconds=settings.extract_lag_seconds,
            promises=promises,
            tell=tell,
        )


def known_objects(settings: Settings) -> KnownObjects:
    """What the org describes, from disk where it is known; a silent org is not waited for."""
    salesforce = settings.require_salesforce()
    client = connect(salesforce, attempts=1, longest_wait_seconds=LOOK_SECONDS)
    return KnownObjects(
        settings.home / "described",
        org=salesforce.url,
        ask=client.org.describe,
        clock=lambda: datetime.now(UTC),
    )
