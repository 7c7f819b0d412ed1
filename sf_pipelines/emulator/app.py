"""The emulator as one ASGI application, and the making of its surface.

Belongs here: which path goes to which part, the Date header, the last catch. Not here: sockets (server.py).
Imports every part of the surface.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from email.utils import format_datetime
from pathlib import Path

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from sf_pipelines.emulator.auth.codes import AuthorizationCodes
from sf_pipelines.emulator.auth.credentials import connected_app, login_user
from sf_pipelines.emulator.auth.endpoints import OAUTH_ENDPOINTS, Endpoint, identity
from sf_pipelines.emulator.auth.oauth import OAuthServer
from sf_pipelines.emulator.auth.oauth_error import OAuthError
from sf_pipelines.emulator.auth.sessions import DEFAULT_LIFETIME_SECONDS, SessionStore
from sf_pipelines.emulator.auth.soap_endpoint import SOAP_PREFIX, serve_soap
from sf_pipelines.emulator.auth.user_profile import read_profile
from sf_pipelines.emulator.bulk import ingest_routes, query_routes
from sf_pipelines.emulator.bulk.job_store import JobStore
from sf_pipelines.emulator.bulk.settings import BulkSettings
from sf_pipelines.emulator.bulk.workers import BulkWorkers
from sf_pipelines.emulator.bulk_v1 import shell as async_shell
from sf_pipelines.emulator.bulk_v1.batch_run import ClassicRunner
from sf_pipelines.emulator.bulk_v1.store import ClassicStore
from sf_pipelines.emulator.cometd.clients import CometClients
from sf_pipelines.emulator.cometd.endpoint import PREFIX as COMETD_PREFIX
from sf_pipelines.emulator.cometd.endpoint import serve_cometd
from sf_pipelines.emulator.control.plane import serve_control
from sf_pipelines.emulator.dialects import refusal
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.faults.book import FaultBook
from sf_pipelines.emulator.faults.calls import CallLog
from sf_pipelines.emulator.faults.jobs import JobFaultSource
from sf_pipelines.emulator.faults.streams import EventFaults
from sf_pipelines.emulator.http import (
    batch,
    collections,
    composite,
    describe,
    event_schema,
    external_ids,
    graph,
    query,
    record_count,
    replication,
    rows,
    search,
    tree,
)
from sf_pipelines.emulator.http.cursors import CursorStore
from sf_pipelines.emulator.http.envelope import not_found, unexpected_error
from sf_pipelines.emulator.http.recents import RecentItems
from sf_pipelines.emulator.http.router import Router
from sf_pipelines.emulator.http.shell import base_url, serve_data
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.latency.profile import Latency
from sf_pipelines.emulator.latency.triggers import let_transactions_last
from sf_pipelines.emulator.limits import COMET_CLIENTS, DATA_STORAGE, LimitBook
from sf_pipelines.emulator.long_requests import LongRequests
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.snapshots import SnapshotShelf

_LOG = logging.getLogger(__name__)
_ROUTES = (
    *describe.ROUTES,
    *rows.ROUTES,
    *external_ids.ROUTES,
    *query.ROUTES,
    *collections.ROUTES,
    *composite.ROUTES,
    *batch.ROUTES,
    *tree.ROUTES,
    *graph.ROUTES,
    *replication.ROUTES,
    *record_count.ROUTES,
    *search.ROUTES,
    *event_schema.ROUTES,
    *ingest_routes.ROUTES,
    *query_routes.ROUTES,
)


def make_surface(
    org: Org,
    *,
    spool: Path,
    limits: Mapping[str, int] | None = None,
    session_lifetime_seconds: float = DEFAULT_LIFETIME_SECONDS,
    jwt_public_key_path: Path | None = None,
    latency: Latency | None = None,
    api_overshoot: float = 0.0,
    rotates_refresh_tokens: bool = False,
    bulk: BulkSettings | None = None,
) -> Surface:
    """The surface of `org`, with Bulk jobs and their files in the folder `spool`.

    Raises:
        OSError: the folder can't be made, or the key file can't be read.
        ValueError: there is no key in the key file.
    """
    latency = latency or Latency()
    book = LimitBook(
        org.clock,
        limits,
        overshoot=api_overshoot,
        lag_seconds=lambda: latency.profile.limits_lag_seconds,
    )
    book.measure(DATA_STORAGE, org.storage.used_mb)
    org.storage.allow(lambda: book.maximum(DATA_STORAGE))
    let_transactions_last(org, latency)
    faults = FaultBook(org.clock)
    event_faults = EventFaults(book=faults)
    org.changes.capture.marker = lambda: event_faults if faults.has("event") else None
    comet_clients = CometClients(org.clock)
    book.measure(COMET_CLIENTS, comet_clients.__len__)
    sessions = SessionStore(org.clock, org.org_id, session_lifetime_seconds)
    jobs = JobStore(spool, org.clock)
    job_faults = JobFaultSource(book=faults, latency=latency, clock=org.clock)
    workers = BulkWorkers(org, jobs, book, bulk or BulkSettings(), job_faults)
    classic = ClassicStore(spool, org.clock)
    oauth = OAuthServer(
        org_id=org.org_id,
        app=connected_app(org.org_id, jwt_public_key_path),
        user=login_user(org.org_id),
        profile=lambda: read_profile(org),
        sessions=sessions,
        codes=AuthorizationCodes(org.clock),
        clock=org.clock,
        rotates_refresh_tokens=rotates_refresh_tokens,
    )
    return Surface(
        org=org,
        limits=book,
        sessions=sessions,
        oauth=oauth,
        cursors=CursorStore(org.clock, org.ids),
        recents=RecentItems(),
        jobs=jobs,
        workers=workers,
        classic=classic,
        classic_runner=ClassicRunner(org, classic, workers, job_faults),
        router=Router(_ROUTES),
        opened_at=org.clock.now(),
        latency=latency,
        long_requests=LongRequests(org.clock),
        faults=faults,
        calls=CallLog(),
        snapshots=SnapshotShelf(org),
        comet_clients=comet_clients,
    )


class EmulatorApp:
    """The ASGI application."""

    def __init__(self, surface: Surface) -> None:
        """Serve `surface`."""
        self.surface = surface

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; the answer's Date is the org's time."""
        if scope["type"] != "http":
            return

        async def send_with_date(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self.surface.org.clock.now(), usegmt=True)
                message["headers"] = [*message["headers"], (b"date", date.encode())]
            await send(message)

        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return
        await response(scope, receive, send_with_date)

    async def _respond(self, request: Request) -> Response:
        try:
            return await self._route(request)
        except OAuthError as error:
            return JSONResponse(error.as_dict(), status_code=error.status)
        except SalesforceError as error:
            return _refused(request, error)
        except ClientDisconnect:
            raise
        except Exception:  # noqa: BLE001  the last line of defence of a server: logged, and told to the client
            _LOG.exception("The emulator failed at %s", request.scope["path"])
            return _refused(request, unexpected_error())

    async def _route(self, request: Request) -> Response:
        path: str = request.scope["path"]
        if path == "/services/data" or path.startswith("/services/data/"):
            return await serve_data(self.surface, request)
        if path.startswith(async_shell.PREFIX):
            return await async_shell.serve_async(self.surface, request)
        if path.startswith("/emulator/"):
            return await serve_control(self.surface, request)
        if path.startswith(COMETD_PREFIX):
            return await serve_cometd(self.surface, request)
        if path.startswith(SOAP_PREFIX):
            return await serve_soap(self.surface, request, base_url(request))
        endpoint = _oauth_endpoint(path)
        if endpoint is None:
            raise not_found()
        return await endpoint(self.surface.oauth, request, base_url(request))


def _refused(request: Request, error: SalesforceError) -> Response:
    told = refusal(request.scope["path"], dict(request.headers), error)
    return Response(told.body, status_code=told.status, media_type=told.media_type)


def _oauth_endpoint(path: str) -> Endpoint | None:
    if path.startswith("/id/"):
        return identity
    folder, _, name = path.rstrip("/").rpartition("/")
    return OAUTH_ENDPOINTS.get(name) if folder == "/services/oauth2" else None
