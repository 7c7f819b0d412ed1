"""The database of the ledger for commands that only look: the configured one, or the sandbox's.

A sandbox that runs (`sf-pipelines dev` in another terminal) is joined; one at rest is started for a while.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from sqlalchemy import Engine

from sf_pipelines.config.settings import Settings, load_settings
from sf_pipelines.ledger.engine import migrate, open_engine
from sf_pipelines.local.postgres import EmbeddedPostgres
from sf_pipelines.local.sandbox import DATABASES, SandboxError


@contextmanager
def open_ledger_database() -> Generator[Engine]:
    """A pool on the migrated ledger.

    Raises:
        SettingsError: a setting cannot be understood.
        SandboxError: no database is configured and there is no sandbox yet.
        EmbeddedPostgresError: the sandbox's server does not start.
        LedgerError: the database cannot be reached or migrated.
    """
    with ExitStack() as stack:
        engine = open_engine(_url(load_settings(), stack))
        stack.callback(engine.dispose)
        migrate(engine)
        yield engine


def _url(settings: Settings, stack: ExitStack) -> str:
    if settings.database_url is not None:
        return settings.database_url.reveal()
    postgres = EmbeddedPostgres(settings.home / DATABASES)
    if not postgres.has_databases:
        raise SandboxError(
            f"There is no ledger in {settings.home}: run 'sf-pipelines demo' first, or set "
            "SF_PIPELINES_DATABASE_URL or SF_PIPELINES_HOME."
        )
    return postgres.url if postgres.is_answering else stack.enter_context(postgres).url
