"""Runs the emulator on a loopback port: embedded in a thread, or alone in the foreground.

Belongs here: sockets, threads, signals, and what is printed at the start. Not here: the application (app.py).
Imports app, credentials, org, schema, uvicorn.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from types import TracebackType

import uvicorn
from rich.console import Console
from rich.table import Table
from starlette.types import ASGIApp

from sf_pipelines.emulator.app import EmulatorApp, make_surface
from sf_pipelines.emulator.auth.credentials import EmulatorCredentials
from sf_pipelines.emulator.auth.sessions import DEFAULT_LIFETIME_SECONDS
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.control.resetting import let_go
from sf_pipelines.emulator.faults.middleware import FaultyApp
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.latency.profile import DEFAULT_SEED, INSTANT, Latency, LatencyProfile
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines.emulator.schema.model import OrgSchema

_HOST = "127.0.0.1"
_IN_MEMORY = ":memory:"
_START_TIMEOUT_SECONDS = 30.0


class EmulatorError(Exception):
    """The emulator can't run; the text is one sentence for people."""


class EmulatorServer:
    """An emulated org on a loopback port, served from a thread of this process.

    Use as a context manager; `credentials` say how to reach it.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        schema_path: Path | None = None,
        clock: Clock | None = None,
        org_path: Path | None = None,
        limits: Mapping[str, int] | None = None,
        session_lifetime_seconds: float = DEFAULT_LIFETIME_SECONDS,
        jwt_public_key_path: Path | None = None,
        profile: LatencyProfile = INSTANT,
        seed: int = DEFAULT_SEED,
        api_overshoot: float = 0.0,
    ) -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            port: 0 takes a free one.
            schema_path: a YAML file with more objects and fields.
            clock: the org's time; wall time when None.
            org_path: a SQLite file that keeps the org; in memory when None. Bulk jobs are kept beside it.
            limits: maxima by `/limits` key, in place of the defaults.
            session_lifetime_seconds: of an access token, on the org's clock.
            jwt_public_key_path: PEM public key that checks JWT bearer assertions.
            profile: how slow the org is.
            seed: of the durations that are drawn from the profile.
            api_overshoot: share by which the daily API requests may pass their maximum.
        """
        self._port = port
        self._schema_path = schema_path
        self._clock = clock or Clock()
        self._org_path = org_path
        self._limits = limits
        self._lifetime = session_lifetime_seconds
        self._jwt_public_key_path = jwt_public_key_path
        self._latency = Latency(profile, seed)
        self._api_overshoot = api_overshoot
        self._resources = ExitStack()
        self._surface: Surface | None = None
        self._credentials: EmulatorCredentials | None = None

    def __enter__(self) -> EmulatorServer:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def credentials(self) -> EmulatorCredentials:
        """Address and secrets, with a fresh access token of the start.

        Raises:
            EmulatorError: the server isn't running.
        """
        if self._credentials is None:
            raise EmulatorError("The emulator isn't running: start it before asking for its credentials.")
        return self._credentials

    @property
    def surface(self) -> Surface:
        """The parts behind the wire, for tests that look at the org itself.

        Raises:
            EmulatorError: the server isn't running.
        """
        if self._surface is None:
            raise EmulatorError("The emulator isn't running: start it before using its org.")
        return self._surface

    def start(self) -> None:
        """Open the org and listen.

        Raises:
            EmulatorError: the port is taken, or a file can't be read or written.
        """
        with ExitStack() as opened:
            listener = opened.enter_context(_listen(self._port))
            surface = self._open_surface(opened)
            url = f"http://{_HOST}:{listener.getsockname()[1]}"
            _serve(opened, listener, FaultyApp(EmulatorApp(surface), surface))
            surface.workers.start()
            opened.callback(surface.workers.stop)
            opened.callback(let_go, surface)
            self._surface = surface
            self._credentials = _credentials(surface, url)
            self._resources = opened.pop_all()

    def stop(self) -> None:
        """Close in the reverse order; safe to call twice."""
        self._resources.close()
        self._surface = None
        self._credentials = None

    def _open_surface(self, opened: ExitStack) -> Surface:
        schema = _load_schema(self._schema_path)
        try:
            path, spool = self._places(opened)
            org = Org(schema=schema, clock=self._clock, path=path)
            opened.callback(org.close)
            return make_surface(
                org,
                spool=spool,
                limits=self._limits,
                session_lifetime_seconds=self._lifetime,
                jwt_public_key_path=self._jwt_public_key_path,
                latency=self._latency,
                api_overshoot=self._api_overshoot,
            )
        except OSError as error:
            raise EmulatorError(f"The emulator can't use {error.filename}: {error.strerror}.") from error

    def _places(self, opened: ExitStack) -> tuple[str, Path]:
        if self._org_path is None:
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="emulator-"))
            return _IN_MEMORY, Path(folder)
        return str(self._org_path), self._org_path.with_name(self._org_path.name + ".jobs")


def run_foreground(
    port: int,
    *,
    as_json: bool,
    schema_path: Path | None = None,
    org_path: Path | None = None,
    limits: Mapping[str, int] | None = None,
    session_lifetime_seconds: float = DEFAULT_LIFETIME_SECONDS,
    jwt_public_key_path: Path | None = None,
    profile: LatencyProfile = INSTANT,
    stop: Event | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; once listening, print the credentials, as one JSON line or as a table.

    Args:
        port: 0 takes a free one.
        as_json: one line of JSON for programs, or a table for people.
        schema_path: see EmulatorServer; so are `org_path`, `limits`, `session_lifetime_seconds`,
            `jwt_public_key_path` and `profile`.
        stop: set it to end the server from another thread, instead of a signal.

    Raises:
        EmulatorError: the port is taken, or a file can't be read or written.
    """
    server = EmulatorServer(
        port,
        schema_path=schema_path,
        org_path=org_path,
        limits=limits,
        session_lifetime_seconds=session_lifetime_seconds,
        jwt_public_key_path=jwt_public_key_path,
        profile=profile,
    )
    stopping = stop or _stop_on_signals()
    with server:
        _announce(server.credentials, as_json=as_json)
        stopping.wait()


def _stop_on_signals() -> Event:
    stopping = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _announce(credentials: EmulatorCredentials, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(credentials.as_dict()) + "\n")
        sys.stdout.flush()
        return
    table = Table(title="Salesforce emulator, Ctrl-C stops it", show_header=False)
    for name, value in credentials.as_dict().items():
        table.add_row(name, value, style="bold" if name == "url" else None)
    Console().print(table, soft_wrap=True)


def _load_schema(path: Path | None) -> OrgSchema:
    try:
        return load_schema(path)
    except OSError as error:
        raise EmulatorError(f"The schema file {path} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise EmulatorError(f"The schema file {path} is wrong: {error}") from error


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise EmulatorError(
            f"Port {port} can't be used on {_HOST}: choose another one, or 0 for any."
        ) from error
    return listener


def _credentials(surface: Surface, url: str) -> EmulatorCredentials:
    oauth = surface.oauth
    return EmulatorCredentials(
        url=url,
        client_id=oauth.app.client_id,
        client_secret=oauth.app.client_secret,
        username=oauth.user.username,
        password=oauth.user.password,
        security_token=oauth.user.security_token,
        access_token=oauth.open_session().token,
    )


class _Uvicorn(uvicorn.Server):
    """A uvicorn that says when it listens, and leaves signals to its owner."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listening.set()


def _serve(opened: ExitStack, listener: socket.socket, app: ASGIApp) -> None:
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=5,
    )
    server = _Uvicorn(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="emulator-http", daemon=True)
    thread.start()
    opened.callback(_stop_uvicorn, server, thread)
    if not server.listening.wait(_START_TIMEOUT_SECONDS):
        raise EmulatorError("The emulator didn't begin to listen: see its log.")


def _stop_uvicorn(server: uvicorn.Server, thread: Thread) -> None:
    server.should_exit = True
    thread.join()
