"""An org to fuzz: a few rows, jobs and a cursor, so that made-up requests can hit something.

Belongs here: opening and filling it. Not here: made-up requests (strategies.py).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sf_pipelines.emulator.app import EmulatorApp, make_surface
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.limits import LIMIT_KINDS
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines_tests.fuzz.wire import InProcessClient, WireAnswer, WireRequest

START = datetime(2026, 2, 1, 10, tzinfo=UTC)
ROWS = 2_100
_PLENTY = 10**9


@dataclass(frozen=True, kw_only=True)
class FuzzedOrg:
    """The org, how to call it, and what is in it."""

    surface: Surface
    client: InProcessClient
    ids: tuple[str, ...]
    """Of rows, jobs and cursors."""

    def send(self, request: WireRequest, *, with_session: bool = True) -> WireAnswer:
        """Call with a live session (an earlier request may have revoked the last one)."""
        if not with_session:
            return self.client.send(request)
        token = self.surface.oauth.open_session().token
        headers = {"authorization": f"Bearer {token}", **request.headers}
        return self.client.send(
            WireRequest(
                method=request.method,
                path=request.path,
                query=request.query,
                headers=headers,
                body=request.body,
            )
        )


@contextmanager
def fuzzed_org() -> Iterator[FuzzedOrg]:
    """A new org at a frozen time, with quotas that no run uses up."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-")))
        org = Org(schema=load_schema(), clock=Clock(START, frozen=True))
        opened.callback(org.close)
        surface = make_surface(org, spool=folder, limits=dict.fromkeys(LIMIT_KINDS, _PLENTY))
        surface.workers.start()
        opened.callback(surface.workers.stop)
        client = opened.enter_context(InProcessClient(EmulatorApp(surface)))
        empty = FuzzedOrg(surface=surface, client=client, ids=())
        yield FuzzedOrg(surface=surface, client=client, ids=tuple(_fill(empty)))


def _fill(org: FuzzedOrg) -> Iterator[str]:
    accounts = [{"Name": f"Acme {n}", "External_Id__c": f"e-{n}"} for n in range(ROWS)]
    created = org.surface.org.create("Account", accounts)
    account_id = created[0].id or ""
    yield from (one.id or "" for one in created[:3])
    (contact,) = org.surface.org.create("Contact", [{"LastName": "Ann", "AccountId": account_id}])
    yield contact.id or ""
    org.surface.org.delete("Account", [created[1].id or ""])
    page = _call(org, "GET", "/query", query="q=SELECT+Id+FROM+Account")
    yield page["nextRecordsUrl"].rpartition("/")[2]
    ingest = {"object": "Account", "operation": "insert", "contentType": "CSV"}
    yield _call(org, "POST", "/jobs/ingest", ingest)["id"]
    query = {"operation": "query", "query": "SELECT Id, Name FROM Account"}
    job_id = _call(org, "POST", "/jobs/query", query)["id"]
    org.surface.jobs.wait_until_finished(job_id, 60.0)
    yield job_id


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
