"""Migrated databases on one server, a fresh one for each point."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy import Connection, create_engine, make_url, text

from sf_pipelines.ledger.engine import migrate, open_engine

TEMPLATE = "chaos_template"


class Databases:
    """Copies of a template that is migrated once."""

    def __init__(self, postgres_url: str) -> None:
        self._postgres_url = postgres_url
        with self._administrator() as server:
            server.execute(text(f"DROP DATABASE IF EXISTS {TEMPLATE}"))
            server.execute(text(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0"))
        engine = open_engine(self._url(TEMPLATE))
        migrate(engine)
        engine.dispose()

    @contextmanager
    def one(self) -> Generator[str]:
        """The URL of a fresh one, dropped at the end."""
        name = f"chaos_{uuid4().hex}"
        with self._administrator() as server:
            server.execute(text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
        yield self._url(name)
        with self._administrator() as server:
            server.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))

    @contextmanager
    def _administrator(self) -> Iterator[Connection]:
        engine = create_engine(self._postgres_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            yield connection
        engine.dispose()

    def _url(self, database: str) -> str:
        return make_url(self._postgres_url).set(database=database).render_as_string(hide_password=False)
