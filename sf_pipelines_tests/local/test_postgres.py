from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
from sqlalchemy import create_engine, make_url, text
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from sf_pipelines.local import postgres as postgres_module
from sf_pipelines.local.postgres import EmbeddedPostgres, EmbeddedPostgresError

DEADLINE_SECONDS = 30

OWNER = """
import os, sys
from pathlib import Path
from sf_pipelines.local import postgres as postgres_module
from sf_pipelines.local.postgres import EmbeddedPostgres

with EmbeddedPostgres(Path(sys.argv[1])) as postgres:
    if "fork" in sys.argv and os.fork() == 0:
        sys.stdin.read()
        os._exit(0)
    print(postgres.url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(server_folder: Path) -> Iterator[Path]:
    folder = server_folder / "pg"
    yield folder
    assert not server_processes(folder)


def server_processes(folder: Path) -> list[psutil.Process]:
    cluster = str(folder / "cluster")
    return [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == cluster]


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "cluster" / "postmaster.pid").read_text().split("\n")[0]))


def guard(folder: Path) -> psutil.Process:
    parent = postmaster(folder).parent()
    assert parent is not None
    assert "sf_pipelines.local.postgres_guard" in parent.cmdline()
    return parent


def wait_until(condition: Callable[[], Any]) -> None:
    Retrying(
        retry=retry_if_result(lambda is_met: not is_met),
        stop=stop_after_delay(DEADLINE_SECONDS),
        wait=wait_fixed(0.02),
    )(condition)


@contextmanager
def owner(folder: Path, *options: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """Another process that owns the folder, and the URL of its server."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        yield process, process.stdout.readline().strip()
        process.stdin.close()


def connect(url: str) -> Any:
    return closing(psycopg2.connect(url.replace("+psycopg2", "")))


def keep_a_row(url: str) -> None:
    with connect(url) as connection, connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        cursor.execute("INSERT INTO kept SELECT count(*) + 1 FROM kept")


def kept_rows(url: str) -> list[int]:
    with connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT n FROM kept ORDER BY n")
        return [row[0] for row in cursor.fetchall()]


def test_the_url_works_with_sqlalchemy_and_with_libpq(folder: Path) -> None:
    with EmbeddedPostgres(folder) as postgres:
        keep_a_row(postgres.url)
        engine = create_engine(postgres.url)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT n FROM kept")).scalars().all() == [1]
        engine.dispose()
        assert make_url(postgres.url).drivername == "postgresql+psycopg2"
        assert make_url(postgres.url).database == "sf_pipelines"


def test_it_is_durable_and_listens_on_no_tcp_port(folder: Path) -> None:
    with (
        EmbeddedPostgres(folder) as postgres,
        connect(postgres.url) as connection,
        connection.cursor() as cursor,
    ):
        settings = {}
        for name in (
            "fsync",
            "synchronous_commit",
            "full_page_writes",
            "listen_addresses",
            "max_connections",
        ):
            cursor.execute(f"SHOW {name}")
            settings[name] = cursor.fetchone()[0]
        assert settings == {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "listen_addresses": "",
            "max_connections": "200",
        }
        assert not [c for c in postmaster(folder).net_connections("inet") if c.status == "LISTEN"]


def test_rows_survive_a_stop_and_the_same_object_starts_again(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    for expected in ([1], [1, 2]):
        keep_a_row(postgres.start())
        assert kept_rows(postgres.url) == expected
        postgres.stop()
        postgres.stop()
        assert not server_processes(folder)


def test_a_killed_postmaster_is_replaced_although_a_backend_is_still_busy(folder: Path) -> None:
    with EmbeddedPostgres(folder) as postgres:
        keep_a_row(postgres.url)
        with connect(postgres.url) as busy:
            query = "SELECT count(*) FROM generate_series(1, 1e12::bigint)"
            sender = psycopg2.connect(busy.dsn, async_=True)
            wait_until(lambda: sender.poll() == psycopg2.extensions.POLL_OK)
            sender.cursor().execute(query)
            wait_until(lambda: sender.poll() == psycopg2.extensions.POLL_READ)
            postmaster(folder).kill()
            postgres.stop()
            assert not server_processes(folder)
    with EmbeddedPostgres(folder) as postgres:
        assert kept_rows(postgres.url) == [1]


def test_an_owner_stops_its_server_although_the_guard_was_killed(folder: Path) -> None:
    with EmbeddedPostgres(folder) as postgres:
        keep_a_row(postgres.url)
        killed = guard(folder)
        killed.kill()
        wait_until(lambda: not killed.is_running() or killed.status() == psutil.STATUS_ZOMBIE)
        assert kept_rows(postgres.url) == [1]
    assert not server_processes(folder)
    with EmbeddedPostgres(folder) as postgres:
        assert kept_rows(postgres.url) == [1]


def test_the_server_ends_with_an_owner_that_is_killed(folder: Path) -> None:
    with owner(folder) as (process, url):
        keep_a_row(url)
        process.kill()
        wait_until(lambda: not server_processes(folder))
    with EmbeddedPostgres(folder) as postgres:
        assert kept_rows(postgres.url) == [1]


def test_a_child_forked_from_a_killed_owner_does_not_keep_the_server(folder: Path) -> None:
    with owner(folder, "fork") as (process, _url):
        assert server_processes(folder)
        process.kill()
        wait_until(lambda: not server_processes(folder))


def test_a_new_owner_takes_over_at_once_from_a_killed_one(folder: Path) -> None:
    with owner(folder) as (process, url):
        keep_a_row(url)
        process.kill()
        process.wait()
        with EmbeddedPostgres(folder) as postgres:
            assert kept_rows(postgres.url) == [1]


@pytest.mark.parametrize("with_server", [False, True], ids=["server lives on", "server killed too"])
def test_a_start_recovers_when_owner_and_guard_were_killed(folder: Path, with_server: bool) -> None:
    with owner(folder) as (process, url):
        keep_a_row(url)
        orphan = postmaster(folder)
        guard(folder).kill()
        process.kill()
        if with_server:
            orphan.kill()
        process.wait()
        with EmbeddedPostgres(folder) as postgres:
            assert kept_rows(postgres.url) == [1]
            assert postmaster(folder).pid != orphan.pid


def test_a_second_owner_is_refused_and_the_first_one_keeps_its_server(folder: Path) -> None:
    with owner(folder) as (process, url):
        with pytest.raises(
            EmbeddedPostgresError, match=rf"Another process \({process.pid}\) runs PostgreSQL"
        ):
            EmbeddedPostgres(folder).start()
        keep_a_row(url)


def test_a_start_waits_for_the_guard_of_an_earlier_owner(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_module, "STOP_SECONDS", 0.1)
    folder.mkdir()
    with (folder / "server.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(EmbeddedPostgresError, match="guard of an earlier owner still holds"):
            EmbeddedPostgres(folder).start()


def test_a_guard_holds_the_lock_until_its_server_is_gone(folder: Path) -> None:
    with owner(folder) as (process, _url):
        waiting = guard(folder)
        waiting.suspend()
        process.kill()
        process.wait()
        with (folder / "server.lock").open() as lock:
            with pytest.raises(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            waiting.resume()
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert not server_processes(folder)


def test_a_second_start_of_the_same_object_is_refused_and_stops_nothing(folder: Path) -> None:
    with EmbeddedPostgres(folder) as postgres:
        with pytest.raises(EmbeddedPostgresError, match="started already"):
            postgres.start()
        keep_a_row(postgres.url)


def test_a_forked_child_owns_nothing(folder: Path) -> None:
    with EmbeddedPostgres(folder) as postgres:
        child = os.fork()
        if child == 0:
            try:
                postgres.stop()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        keep_a_row(postgres.url)


def test_erased_databases_are_gone_and_the_folder_can_be_used_again(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    postgres.erase()
    assert not folder.exists()
    keep_a_row(postgres.start())
    postgres.stop()
    postgres.erase()
    assert {path.name for path in folder.iterdir()} <= {"owner.lock", "server.lock"}
    keep_a_row(postgres.start())
    assert kept_rows(postgres.url) == [1]
    postgres.stop()


def test_databases_in_use_are_not_erased(folder: Path) -> None:
    with owner(folder) as (_process, url):
        with pytest.raises(EmbeddedPostgresError, match="Another process"):
            EmbeddedPostgres(folder).erase()
        keep_a_row(url)


def test_a_stale_pid_file_that_names_another_program_is_no_obstacle(folder: Path) -> None:
    with EmbeddedPostgres(folder) as postgres:
        keep_a_row(postgres.url)
    (folder / "cluster" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n")
    with EmbeddedPostgres(folder) as postgres:
        assert kept_rows(postgres.url) == [1]


def test_what_an_interrupted_first_start_left_is_cleared(folder: Path) -> None:
    half = folder / "cluster.new.half"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(folder) as postgres:
        keep_a_row(postgres.url)
    assert not half.exists()


@pytest.mark.parametrize("name", ["a" * 100, 'odd, "name" %41+'], ids=["too long", "odd characters"])
def test_any_path_gets_a_socket(server_folder: Path, name: str) -> None:
    folder = server_folder / name / "pg"
    postgres = EmbeddedPostgres(folder)
    with postgres:
        keep_a_row(postgres.url)
        host = make_url(postgres.url).query["host"]
    assert not server_processes(folder)
    assert isinstance(host, str)
    Path(host).rmdir()


def test_a_socket_folder_that_others_can_enter_is_refused(server_folder: Path) -> None:
    postgres = EmbeddedPostgres(server_folder / ("b" * 100) / "pg")
    host = Path(str(make_url(postgres.url).query["host"]))
    assert host.parent == Path(tempfile.gettempdir()).resolve()
    host.mkdir()
    host.chmod(0o777)
    with pytest.raises(EmbeddedPostgresError, match="belongs to someone else"):
        postgres.start()
    host.rmdir()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing_behind(folder: Path) -> None:
    with EmbeddedPostgres(folder):
        pass
    with (folder / "cluster" / "postgresql.conf").open("a") as configuration:
        configuration.write("nonsense = 1\n")
    with pytest.raises(EmbeddedPostgresError, match=r"does not start.*postgresql\.conf.*server\.log"):
        EmbeddedPostgres(folder).start()
    assert not server_processes(folder)


def test_a_folder_that_is_a_file_is_refused_in_one_sentence(server_folder: Path) -> None:
    path = server_folder / "file"
    path.touch()
    with pytest.raises(EmbeddedPostgresError, match=r"cannot start on .*file .*SF_PIPELINES_HOME"):
        EmbeddedPostgres(path).start()
