"""Everything that a handler may use: the org and the parts of the surface.

Belongs here: the container. Not here: making it (app.py). Imports the types of its parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sf_pipelines.emulator.auth.oauth import OAuthServer
from sf_pipelines.emulator.auth.sessions import SessionStore
from sf_pipelines.emulator.bulk.job_store import JobStore
from sf_pipelines.emulator.bulk.workers import BulkWorkers
from sf_pipelines.emulator.bulk_v1.batch_run import ClassicRunner
from sf_pipelines.emulator.bulk_v1.store import ClassicStore
from sf_pipelines.emulator.cometd.clients import CometClients
from sf_pipelines.emulator.faults.book import FaultBook
from sf_pipelines.emulator.faults.calls import CallLog
from sf_pipelines.emulator.http.cursors import CursorStore
from sf_pipelines.emulator.http.recents import RecentItems
from sf_pipelines.emulator.http.router import Router
from sf_pipelines.emulator.latency.profile import Latency
from sf_pipelines.emulator.limits import LimitBook
from sf_pipelines.emulator.long_requests import LongRequests
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.snapshots import SnapshotShelf


@dataclass(frozen=True, kw_only=True, slots=True)
class Surface:
    """The HTTP surface of one org."""

    org: Org
    limits: LimitBook
    sessions: SessionStore
    oauth: OAuthServer
    cursors: CursorStore
    recents: RecentItems
    jobs: JobStore
    workers: BulkWorkers
    classic: ClassicStore
    classic_runner: ClassicRunner
    router: Router
    opened_at: datetime
    """When the org was opened."""
    latency: Latency
    long_requests: LongRequests
    faults: FaultBook
    calls: CallLog
    snapshots: SnapshotShelf
    comet_clients: CometClients
