"""The emulated org in the hand of a test: credentials, and everything that the control plane can do.

Belongs here: short verbs over a running server of this process. Not here: pytest (pytest_plugin.py), the same
over HTTP (control/). Imports control, faults, server.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sf_pipelines.emulator.auth.credentials import EmulatorCredentials
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.control.resetting import reset_org
from sf_pipelines.emulator.diff import Diff, diff_rows
from sf_pipelines.emulator.faults.book import FaultBook, SetFault
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.latency.profile import PROFILES
from sf_pipelines.emulator.latency.triggers import let_transactions_last
from sf_pipelines.emulator.server import EmulatorServer

_WAIT_SECONDS = 30.0


class FaultHandle:
    """A fault that a test has set."""

    def __init__(self, book: FaultBook, entry: SetFault) -> None:
        """Made by `EmulatedOrg.fault`."""
        self._book = book
        self._entry = entry

    @property
    def name(self) -> str:
        """What the control plane calls it."""
        return self._entry.fault.name

    @property
    def hits(self) -> int:
        """How often it has struck."""
        return self._entry.hits

    def wait_hit(self, timeout_seconds: float = _WAIT_SECONDS) -> None:
        """Block until it has struck at least once.

        Raises:
            TimeoutError: so much wall time went by first.
        """
        if not self._book.wait_hit(self._entry, timeout_seconds):
            raise TimeoutError(f"The fault {self.name} has not hit in {timeout_seconds} s")

    def release(self) -> None:
        """Let go whom it holds; it stays."""
        self._book.release(self.name)

    def remove(self) -> None:
        """Take it away; whom it holds goes on."""
        self._book.remove(self.name)


class EmulatedOrg:
    """One emulated Salesforce org.

    `sobject` names are case-insensitive, records are as in the REST API.
    """

    def __init__(self, server: EmulatorServer) -> None:
        """Hold a running server."""
        self._server = server
        self._credentials = server.credentials

    @property
    def surface(self) -> Surface:
        """The parts behind the wire."""
        return self._server.surface

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`: the instance URL, and the host of every login."""
        return self._server.credentials.url

    @property
    def credentials(self) -> EmulatorCredentials:
        """For every OAuth flow, and an access token as old as the last `as_new`."""
        return self._credentials

    @property
    def clock(self) -> Clock:
        """The org's clock: `set`, `advance`, `freeze`, `resume`."""
        return self.surface.org.clock

    def fault(self, kind: str, **options: Any) -> FaultHandle:
        """Set a fault; options as in `POST /emulator/faults`.

        Raises:
            SalesforceError: an option is wrong; the text says what the kind takes.
        """
        entry = self.surface.faults.add({"kind": kind, **options})
        return FaultHandle(self.surface.faults, entry)

    def limit(self, name: str, *, used: int | None = None, maximum: int | None = None) -> None:
        """Set what is used of an allocation, and its maximum."""
        self.surface.limits.put(name, used=used, maximum=maximum)

    def drain(self, name: str, keep: int = 0) -> None:
        """Let a neighbour application use all of an allocation but `keep` units."""
        self.surface.limits.drain(name, keep)

    def end_drain(self, name: str) -> None:
        """Let the neighbour go."""
        self.surface.limits.end_drain(name)

    def profile(self, name: str, *, trigger_ms_per_row: Mapping[str, float] | None = None) -> None:
        """Be `instant` or `realistic` from now on, with slow triggers where a test wants them."""
        self.surface.latency.profile = PROFILES[name]
        self.surface.latency.slow_triggers(trigger_ms_per_row or {})
        let_transactions_last(self.surface.org, self.surface.latency)

    def insert(self, sobject: str, records: Sequence[Mapping[str, Any]]) -> list[str]:
        """Create records without a call; their ids in order.

        Raises:
            SalesforceError: the first error of the first record that the org refuses.
        """
        results = self.surface.org.create(sobject, records)
        for result in results:
            if not result.success:
                raise result.errors[0]
        return [result.id or "" for result in results]

    def query(self, soql: str) -> list[dict[str, Any]]:
        """The rows of a SOQL query, without a call: dotted column labels to stored values."""
        result = self.surface.org.query(soql)
        labels = [column.label for column in result.columns]
        return [dict(zip(labels, row, strict=True)) for row in result.rows]

    def calls(self) -> list[dict[str, Any]]:
        """The clients' calls since the org was fresh: n, method, path, status, faults."""
        return self.surface.calls.listed()

    def dump(self, sobjects: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Every row, as `GET /emulator/dump` has it."""
        return list(self.surface.org.dump(sobjects))

    def diff(self, before: Sequence[Mapping[str, Any]]) -> Diff:
        """What changed since an earlier `dump`."""
        return diff_rows([dict(row) for row in before], self.surface.org.dump())

    def wait_for_jobs(self) -> None:
        """Block until every Bulk job that was closed so far has ended."""
        self.surface.workers.wait_idle()

    def as_new(self) -> None:
        """Throw everything away, and let the clock run from the wall time."""
        reset_org(self.surface)
        self.clock.set(datetime.now(UTC))
        self.clock.resume()
        token = self.surface.oauth.open_session().token
        self._credentials = dataclasses.replace(self._server.credentials, access_token=token)
