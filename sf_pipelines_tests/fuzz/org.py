"""An org to fuzz: rows, jobs of both Bulk APIs and a cursor, so that made-up requests can hit something.

Belongs here: opening and filling it, and what went wrong inside it. Not here: made-up requests.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sf_pipelines.emulator.app import EmulatorApp, make_surface
from sf_pipelines.emulator.auth.credentials import EmulatorCredentials
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.control.resetting import reset_org
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.limits import LIMIT_KINDS
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines_tests.fuzz.wire import InProcessClient, WireAnswer, WireRequest

START = datetime(2026, 2, 1, 10, tzinfo=UTC)
ROWS = 2_100
# of a fault, a snapshot and a managed subscription; what a neighbour drains; a channel of change events
NAME, DRAINED_LIMIT, CHANNEL = "one", "DailyBulkApiBatches", "/data/Team__chn"
_PLENTY = 10**9
_WAIT_SECONDS = 60.0
_ADDRESS = "http://127.0.0.1:8080"
# (operation, contentType, content) of the jobs of the Bulk API, version 1
_CLASSIC = (
    ("insert", "CSV", "Name\nAcme\n"),
    ("insert", "JSON", '[{"Name": "Acme"}]'),
    ("upsert", "XML", "<sObjects><sObject><External_Id__c>e-1</External_Id__c></sObject></sObjects>"),
    ("query", "CSV", "SELECT Id FROM Account LIMIT 3"),
    ("query", "XML", "SELECT Id, Name FROM Account LIMIT 3"),
)
MEDIA = {"CSV": "text/csv", "JSON": "application/json", "XML": "application/xml"}


@dataclass(frozen=True, kw_only=True)
class KnownJob:
    """A job of the Bulk API, version 1, with its one batch and, where it is a query, its result."""

    id: str
    batch_id: str
    result_id: str
    content_type: str
    is_query: bool


@dataclass(frozen=True, kw_only=True)
class FuzzedOrg:
    """The org, how to call it, and what is in it."""

    surface: Surface
    client: InProcessClient
    ids: tuple[str, ...] = ()
    """Of rows, jobs and cursors."""
    classic_jobs: tuple[KnownJob, ...] = ()

    @property
    def credentials(self) -> EmulatorCredentials:
        """What a caller may know."""
        oauth = self.surface.oauth
        return EmulatorCredentials(
            url=_ADDRESS,
            client_id=oauth.app.client_id,
            client_secret=oauth.app.client_secret,
            username=oauth.profile().username,
            password=oauth.user.password,
            security_token=oauth.user.security_token,
            access_token="",
        )

    def send(self, request: WireRequest, *, with_session: bool = True) -> WireAnswer:
        """Call with a live session (an earlier request may have revoked the last one)."""
        if with_session:
            request = request.with_session(self.surface.oauth.open_session().token)
        return self.client.send(request)

    def settle(self) -> None:
        """Undo whatever a call of the control plane did; it finds one thing of each kind that it can name."""
        reset_org(self.surface)
        self.surface.org.clock.set(START)
        self.surface.org.clock.freeze()
        _fill_rows(self)
        self.surface.faults.add({"kind": "status", "name": NAME})
        self.surface.snapshots.take(NAME)
        self.surface.limits.drain(DRAINED_LIMIT, _PLENTY)
        self.surface.org.changes.channels.put(CHANNEL, ["Account"])
        self.surface.org.changes.subscriptions.put(NAME, CHANNEL)

    @property
    def is_instant(self) -> bool:
        """False while a write would wait on the org's clock, which stands still."""
        return not self.surface.latency.profile.has_triggers

    def reopen_jobs(self) -> None:
        """Let the jobs of the Bulk API, version 1, take batches again."""
        for job in self.surface.classic.all():
            job.state = "Open"

    def failures_inside(self) -> Iterator[str]:
        """Jobs and batches that the emulator, not the caller, let fail. Waits for those under way."""
        for job in self.surface.jobs.all():
            if job.state in ("UploadComplete", "InProgress"):
                job = self.surface.jobs.wait_until_finished(job.id, _WAIT_SECONDS)
            if (job.error_message or "").startswith("InternalServerError"):
                yield f"job {job.id}: {job.error_message}"
        for batch in [batch for job in self.surface.classic.all() for batch in job.batches]:
            self.surface.classic.wait_until_ended(batch, _WAIT_SECONDS)
            if (batch.state_message or "").startswith("InternalServerError"):
                yield f"batch {batch.id}: {batch.state_message}"


@contextmanager
def fuzzed_org() -> Generator[FuzzedOrg]:
    """A new org at a frozen time, with quotas that no run uses up."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-")))
        org = Org(schema=load_schema(), clock=Clock(START, frozen=True))
        opened.callback(org.close)
        surface = make_surface(org, spool=folder, limits=dict.fromkeys(LIMIT_KINDS, _PLENTY))
        surface.workers.start()
        opened.callback(surface.workers.stop)
        client = opened.enter_context(InProcessClient(EmulatorApp(surface)))
        empty = FuzzedOrg(surface=surface, client=client)
        ids = (*_fill_rows(empty, ROWS), *_fill_jobs(empty))
        yield replace(empty, ids=ids, classic_jobs=tuple(_fill_classic_jobs(empty)))


def _fill_rows(org: FuzzedOrg, rows: int = 3) -> list[str]:
    accounts = [{"Name": f"Acme {n}", "External_Id__c": f"e-{n}"} for n in range(rows)]
    created = org.surface.org.create("Account", accounts)
    assert created[0].success, created[0]
    (contact,) = org.surface.org.create("Contact", [{"LastName": "Ann", "AccountId": created[0].id}])
    org.surface.org.delete("Account", [created[1].id or ""])
    return [one.id or "" for one in (*created[:3], contact)]


def _fill_jobs(org: FuzzedOrg) -> Iterator[str]:
    page = _call(org, "GET", "/query", query="q=SELECT+Id+FROM+Account")
    yield page["nextRecordsUrl"].rpartition("/")[2]
    ingest = {"object": "Account", "operation": "insert", "contentType": "CSV"}
    yield _call(org, "POST", "/jobs/ingest", ingest)["id"]
    query = {"operation": "query", "query": "SELECT Id, Name FROM Account"}
    job_id = _call(org, "POST", "/jobs/query", query)["id"]
    org.surface.jobs.wait_until_finished(job_id, _WAIT_SECONDS)
    yield job_id


def _fill_classic_jobs(org: FuzzedOrg) -> Iterator[KnownJob]:
    for operation, content_type, content in _CLASSIC:
        facts = {"operation": operation, "object": "Account", "contentType": content_type}
        if operation == "upsert":
            facts["externalIdFieldName"] = "External_Id__c"
        job_id = json.loads(_call_classic(org, "job", json.dumps(facts), "JSON").body)["id"]
        _call_classic(org, f"job/{job_id}/batch", content, content_type)
        batch = org.surface.classic.find(job_id).batches[0]
        org.surface.classic.wait_until_ended(batch, _WAIT_SECONDS)
        yield KnownJob(
            id=job_id,
            batch_id=batch.id,
            result_id=batch.result_id or "",
            content_type=content_type,
            is_query=operation == "query",
        )


def _call_classic(org: FuzzedOrg, path: str, content: str, content_type: str) -> WireAnswer:
    headers = {"content-type": MEDIA[content_type]}
    path = f"/services/async/66.0/{path}"
    answer = org.send(WireRequest(method="POST", path=path, headers=headers, body=content.encode()))
    assert answer.status == 201, answer
    return answer


def _call(org: FuzzedOrg, method: str, path: str, body: Any = None, query: str = "") -> Any:
    answer = org.send(
        WireRequest(
            method=method,
            path="/services/data/v66.0" + path,
            query=query,
            headers={"content-type": "application/json"},
            body=b"" if body is None else json.dumps(body).encode(),
        )
    )
    assert answer.status < 300, answer
    return json.loads(answer.body)
