"""Runs the emulator on a loopback port: embedded in a thread, or alone in the foreground.

Belongs here: what a start opens and a stop closes, signals, what is printed at the start. Not here: the
application (app.py), sockets and threads (listening.py). Imports those, certificate, org, schema.
"""

from __future__ import annotations

import gc
import json
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from types import TracebackType

from rich.console import Console
from rich.table import Table

from sf_pipelines.emulator.app import EmulatorApp, make_surface
from sf_pipelines.emulator.auth.credentials import EmulatorCredentials
from sf_pipelines.emulator.auth.sessions import DEFAULT_LIFETIME_SECONDS
from sf_pipelines.emulator.bulk.settings import BulkSettings
from sf_pipelines.emulator.certificate import LocalCertificate
from sf_pipelines.emulator.changes.channels import DEFAULT_SELECTION
from sf_pipelines.emulator.changes.settings import ChangeSettings
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.control.resetting import let_go
from sf_pipelines.emulator.faults.middleware import FaultyApp
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.latency.profile import DEFAULT_SEED, INSTANT, Latency, LatencyProfile
from sf_pipelines.emulator.listening import EmulatorError, listen, serve
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.pubsub.server import serve_pubsub
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines.emulator.schema.model import OrgSchema
from sf_pipelines.emulator.seed.plan import SeedError, SeedPlan
from sf_pipelines.emulator.seed.run import seed_org

__all__ = ["EmulatorError", "EmulatorServer", "run_foreground"]

_IN_MEMORY = ":memory:"


class EmulatorServer:
    """An emulated org on a loopback port, served from a thread of this process.

    Use as a context manager; `credentials` say how to reach it.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        tls_port: int | None = None,
        schema_path: Path | None = None,
        clock: Clock | None = None,
        org_path: Path | None = None,
        limits: Mapping[str, int] | None = None,
        session_lifetime_seconds: float = DEFAULT_LIFETIME_SECONDS,
        jwt_public_key_path: Path | None = None,
        rotates_refresh_tokens: bool = False,
        bulk: BulkSettings | None = None,
        profile: LatencyProfile = INSTANT,
        latency_seed: int = DEFAULT_SEED,
        api_overshoot: float = 0.0,
        pubsub_port: int | None = None,
        change_entities: Sequence[str] | None = None,
        change_settings: ChangeSettings | None = None,
    ) -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            port: of plain HTTP; 0 takes a free one.
            tls_port: of HTTPS on the same org; 0 takes a free one, None leaves it out.
            schema_path: a YAML file with more objects and fields.
            clock: the org's time; wall time when None.
            org_path: a SQLite file that keeps the org; in memory when None. Bulk jobs are kept beside it.
            limits: maxima by `/limits` key, in place of the defaults.
            session_lifetime_seconds: of an access token, on the org's clock.
            jwt_public_key_path: PEM certificate or public key that checks JWT bearer assertions.
            rotates_refresh_tokens: each refresh answers with the next refresh token and ends the old one.
            bulk: how many Bulk batches run at once, and how long the org's automation takes for a row.
            profile: how slow the org is.
            latency_seed: of the durations that are drawn from the profile.
            api_overshoot: share by which the daily API requests may pass their maximum.
            pubsub_port: of the Pub/Sub API, by TLS where there is a `tls_port`; 0 takes a free one, None
                leaves it out.
            change_entities: objects that are selected for change events at the start. When None: those that
                the schema file selects; if it selects none, Account, Contact, Opportunity, Lead and Case with
                a `pubsub_port`, and none without.
            change_settings: figures of change events; the documented ones when None.
        """
        self._port = port
        self._tls_port = tls_port
        self._rotates = rotates_refresh_tokens
        self._schema_path = schema_path
        self._clock = clock or Clock()
        self._org_path = org_path
        self._limits = limits
        self._lifetime = session_lifetime_seconds
        self._jwt_public_key_path = jwt_public_key_path
        self._bulk = bulk
        self._latency = Latency(profile, latency_seed)
        self._api_overshoot = api_overshoot
        self._pubsub_port = pubsub_port
        self._change_entities = change_entities
        self._change_settings = change_settings
        self._resources = ExitStack()
        self._surface: Surface | None = None
        self._credentials: EmulatorCredentials | None = None
        self._certificate: LocalCertificate | None = None

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

    @property
    def certificate(self) -> LocalCertificate:
        """The certificate of `tls_port`, for other servers that stand for the same org.

        Raises:
            EmulatorError: the server isn't running, or has no `tls_port`.
        """
        if self._certificate is None:
            raise EmulatorError("The emulator has no certificate: start it with a tls_port.")
        return self._certificate

    def start(self) -> None:
        """Open the org and listen.

        Raises:
            EmulatorError: the port is taken, or a file can't be read or written.
        """
        with ExitStack() as opened:
            listeners = [listen(opened, self._port)]
            certificate = None
            if self._tls_port is not None:
                certificate = _make_certificate(opened)
                listeners.append(listen(opened, self._tls_port, tls=certificate.server_context()))
            surface = self._open_surface(opened)
            serve(opened, listeners, FaultyApp(EmulatorApp(surface), surface))
            surface.workers.start()
            opened.callback(surface.workers.stop)
            opened.callback(let_go, surface)
            address = None
            if self._pubsub_port is not None:
                address = serve_pubsub(opened, surface, self._pubsub_port, certificate)
            self._surface = surface
            self._certificate = certificate
            self._credentials = _credentials(surface, [one.url for one in listeners], certificate, address)
            self._resources = opened.pop_all()

    def stop(self) -> None:
        """Close in the reverse order; safe to call twice."""
        self._resources.close()
        self._surface = None
        self._credentials = None
        self._certificate = None

    def _open_surface(self, opened: ExitStack) -> Surface:
        schema = _load_schema(self._schema_path)
        try:
            path, spool = self._places(opened)
            org = Org(
                schema=schema,
                clock=self._clock,
                path=path,
                change_entities=self._selected(schema),
                change_settings=self._change_settings,
            )
            opened.callback(org.close)
            return make_surface(
                org,
                spool=spool,
                limits=self._limits,
                session_lifetime_seconds=self._lifetime,
                jwt_public_key_path=self._jwt_public_key_path,
                rotates_refresh_tokens=self._rotates,
                bulk=self._bulk,
                latency=self._latency,
                api_overshoot=self._api_overshoot,
            )
        except OSError as error:
            raise EmulatorError(f"The emulator can't use {error.filename}: {error.strerror}.") from error
        except ValueError as error:
            raise EmulatorError(
                f"There is neither a PEM certificate nor a PEM public key in {self._jwt_public_key_path}."
            ) from error

    def _selected(self, schema: OrgSchema) -> Sequence[str]:
        """The objects whose changes make events."""
        if self._change_entities is not None:
            return self._change_entities
        marked = [item.name for item in schema.objects.values() if item.change_events]
        return marked or (() if self._pubsub_port is None else DEFAULT_SELECTION)

    def _places(self, opened: ExitStack) -> tuple[str, Path]:
        if self._org_path is None:
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="emulator-"))
            return _IN_MEMORY, Path(folder)
        return str(self._org_path), self._org_path.with_name(self._org_path.name + ".jobs")


def run_foreground(
    server: EmulatorServer, *, as_json: bool, seed: str | None = None, stop: Event | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; once listening, print the credentials, as one JSON line or as a table.

    Args:
        server: not started yet.
        as_json: one line of JSON for programs, or a table for people.
        seed: records to make first, as `SeedPlan.parse` reads them.
        stop: set it to end the server from another thread, instead of a signal.

    Raises:
        EmulatorError: a port is taken, a file can't be read or written, or the seed is refused.
    """
    stopping = stop or _stop_on_signals()
    _collect_rarely()
    with server:
        if seed is not None:
            _seed(server.surface.org, seed)
        _announce(server.credentials, as_json=as_json)
        stopping.wait()


def _collect_rarely() -> None:
    """Bulk batches make tens of thousands of tuples, none in a cycle: looking for cycles is a waste."""
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)


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
        table.add_row(name, value, style="bold" if name in ("url", "tls_url") else None)
    Console().print(table, soft_wrap=True)


def _load_schema(path: Path | None) -> OrgSchema:
    try:
        return load_schema(path)
    except OSError as error:
        raise EmulatorError(f"The schema file {path} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise EmulatorError(f"The schema file {path} is wrong: {error}") from error


def _seed(org: Org, wish: str) -> None:
    try:
        seed_org(org, SeedPlan.parse(org.schema, wish))
    except SeedError as error:
        raise EmulatorError(str(error)) from error


def _make_certificate(opened: ExitStack) -> LocalCertificate:
    """Its authority's file lives until the server stops: a later start has another authority."""
    folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="emulator-tls-"))
    try:
        return LocalCertificate(Path(folder))
    except OSError as error:
        raise EmulatorError(f"The emulator can't write {error.filename}: {error.strerror}.") from error


def _credentials(
    surface: Surface, urls: Sequence[str], certificate: LocalCertificate | None, pubsub_address: str | None
) -> EmulatorCredentials:
    oauth = surface.oauth
    return EmulatorCredentials(
        url=urls[0],
        client_id=oauth.app.client_id,
        client_secret=oauth.app.client_secret,
        username=oauth.profile().username,
        password=oauth.user.password,
        security_token=oauth.user.security_token,
        access_token=oauth.open_session().token,
        tls_url=None if certificate is None else urls[1],
        ca_file=None if certificate is None else str(certificate.ca_file),
        pubsub_address=pubsub_address,
    )
