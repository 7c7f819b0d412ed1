from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import create_engine, inspect, make_url, text

from sf_pipelines.ledger.engine import LedgerError, migrate, open_engine, transaction
from sf_pipelines.ledger.tables import SCHEMA, metadata

MIGRATE = """
import sys
from sf_pipelines.ledger.engine import migrate, open_engine
engine = open_engine(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
migrate(engine)
migrate(engine)
"""


def test_several_processes_may_migrate_at_once(empty_database_url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, empty_database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    engine = open_engine(empty_database_url)
    expected = {table.name for table in metadata.tables.values()} | {"alembic_version"}
    assert set(inspect(engine).get_table_names(SCHEMA)) == expected
    engine.dispose()


def test_a_failed_migration_leaves_nothing_behind(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA ledger CREATE TABLE failed_record (n int)"))
    with pytest.raises(LedgerError, match=r"not ours .*failed_record.*use another database"):
        migrate(engine)
    assert inspect(engine).get_table_names(SCHEMA) == ["failed_record"]
    engine.dispose()


def test_a_ledger_of_a_newer_version_is_refused(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE ledger.alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerError, match=r"9999.*install the newest sf_pipelines"):
        migrate(engine)
    engine.dispose()


def test_a_user_without_rights_learns_what_is_missing(empty_database_url: str) -> None:
    administrator = create_engine(empty_database_url)
    with administrator.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS reader"))
        connection.execute(text("CREATE ROLE reader LOGIN"))
    administrator.dispose()
    url = make_url(empty_database_url).set(username="reader")
    engine = open_engine(url.render_as_string(hide_password=False))
    with pytest.raises(LedgerError, match=r"permission denied.*a user who may create schemas"):
        migrate(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://me:s3cret@127.0.0.1:1/crm", "'crm' on 127.0.0.1:1"),
        ("postgresql+psycopg2://me:s3cret@/crm?host=/nowhere&port=5432", "'crm' on /nowhere"),
        ("postgresql://me:s3cret@/crm?host=127.0.0.1&port=1", "'crm' on 127.0.0.1"),
    ],
)
def test_an_unreachable_database_is_named_without_its_password(url: str, place: str) -> None:
    with pytest.raises(LedgerError) as caught:
        migrate(open_engine(url))
    message = str(caught.value)
    assert f"The database {place} cannot be reached" in message
    assert message.endswith("start it, or mend SF_PIPELINES_DATABASE_URL.")
    assert "s3cret" not in message + repr(caught.value)
    assert "\n" not in message


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3cret", "cannot be read"),
        ("postgresql://me:s3cret@host:port/crm", "cannot be read"),
        ("sqlite:///s3cret.db", "not a URL of PostgreSQL"),
        ("postgresql://me:p@s3cret@host/crm", "has an @ too many"),
        ("postgresql://me:s3cret@host/crm?colour=red", 'invalid connection option "colour"'),
    ],
)
def test_a_wrong_url_is_refused_without_showing_it(url: str, says: str) -> None:
    with pytest.raises(LedgerError, match=says) as caught:
        open_engine(url)
    assert "s3cret" not in str(caught.value)


def test_a_database_that_vanishes_is_named_by_any_verb(database_url: str) -> None:
    engine = open_engine(database_url)
    name = engine.url.database
    with pytest.raises(LedgerError, match=f"'{name}'"), transaction(engine) as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    engine.dispose()


def test_the_sentence_shows_no_values_of_records(database_url: str) -> None:
    engine = open_engine(database_url)
    with pytest.raises(LedgerError, match="nowhere") as caught, transaction(engine) as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:value)"), {"value": "s3cret"})
    assert "s3cret" not in str(caught.value)
    engine.dispose()
