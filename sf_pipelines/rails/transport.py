"""Authenticated requests: token, one renewal and replay, repeats where they are safe, JSON both ways.

Everything that speaks to a resource of the org goes through here. Knows no resource by name but the
list of versions, which is the free way to ask for the org's clock.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from sf_pipelines.rails.auth import Authenticator, Grant
from sf_pipelines.rails.errors import SessionExpiredError, UnexpectedAnswerError, UnreachableError
from sf_pipelines.rails.meter import Meter
from sf_pipelines.rails.retries import RetryPolicy, may_repeat_read, may_repeat_write
from sf_pipelines.rails.streams import GZIP_CODINGS, READABLE_CODINGS
from sf_pipelines.rails.wire import Answer, Call, Wire

GZIP_BODY_MIN_BYTES = 4_096
"""Smaller JSON bodies go as they are: compressing them saves no packet."""

GZIP_LEVEL = 4

_NO_TEXT: Mapping[str, str] = {}


class Transport:
    """One org's API of one version, over one pool of connections."""

    def __init__(
        self,
        *,
        base_url: str,
        api_version: str,
        wire: Wire,
        authenticator: Authenticator,
        retries: RetryPolicy,
        meter: Meter,
    ) -> None:
        self._base_url = base_url
        self._api_version = api_version
        self._wire = wire
        self._authenticator = authenticator
        self.retries = retries
        self.meter = meter

    @property
    def site_url(self) -> str:
        """Base URL of the org as far as it is known without a call."""
        grant = self._authenticator.current
        return self._base_url if grant is None else grant.instance_url

    def user_id(self) -> str | None:
        """The user that requests are made as; asks for a token where there is none yet."""
        return self._authenticator.grant().user_id

    def data_path(self, resource: str) -> str:
        """Path of a resource in this version, such as `limits` or `jobs/ingest/750…`."""
        return f"/services/data/v{self._api_version}/{resource}"

    def get(
        self, path: str, *, params: Mapping[str, str] = _NO_TEXT, headers: Mapping[str, str] = _NO_TEXT
    ) -> Answer:
        """Read a resource of bounded size."""
        return self._perform(Call(method="GET", path=path, params=params, headers=headers))

    def send_json(self, method: str, path: str, payload: Any, *, may_compress: bool = False) -> Answer:
        """Write; raises UnknownOutcomeError where the answer is lost.

        Args:
            payload: what becomes JSON, or JSON already made.
            may_compress: whether the resource takes gzip; documented for REST, not for Bulk jobs [D RESTG].
        """
        body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        headers = {"Content-Type": "application/json"}
        if may_compress and len(body) >= GZIP_BODY_MIN_BYTES:
            body = gzip.compress(body, compresslevel=GZIP_LEVEL, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return self._perform(Call(method=method, path=path, headers=headers, body=body, is_write=True))

    def put_csv(self, path: str, body: Iterable[bytes]) -> Answer:
        """Send CSV block by block, never compressed; replayed after a renewal only if `body` can restart."""
        headers = {"Content-Type": "text/csv"}
        return self._perform(Call(method="PUT", path=path, headers=headers, body=body, is_write=True))

    def open_csv(self, path: str, *, params: Mapping[str, str] = _NO_TEXT) -> Answer:
        """Begin to read CSV; the body stays on the socket. Wrap it in a ResponseStream and close that."""
        headers = {"Accept": "text/csv"}
        answer = self._perform(
            Call(method="GET", path=path, params=params, headers=headers, is_streamed=True)
        )
        flaw = _flaw_of_csv(answer.headers)
        if flaw is not None:
            with answer.response:
                raise answer.unexpected(flaw)
        return answer

    def org_time(self) -> datetime:
        """The org's clock in UTC; asks for it (a call that is not metered) only where no answer is recent."""
        known = self.meter.org_time()
        if known is None:
            self._ask_for_clock()
            known = self.meter.org_time()
        if known is None:
            raise UnexpectedAnswerError(
                "The org's answers have no Date header, so its clock is unknown: let no proxy remove it."
            )
        return known.astimezone(UTC)

    def _ask_for_clock(self) -> None:
        call = Call(method="GET", path="/services/data/")

        def ask() -> None:
            self._wire.send(self.site_url, call).raise_for_error()

        self.retries.run(ask, repeat_if=may_repeat_read)

    def _perform(self, call: Call) -> Answer:
        grant = self._authenticator.grant()
        try:
            return self._send(call, grant)
        except SessionExpiredError:
            renewed = self._authenticator.renew(grant)
            if not call.is_replayable:
                raise
        return self._send(call, renewed)

    def _send(self, call: Call, grant: Grant) -> Answer:
        def attempt() -> Answer:
            answer = self._wire.send(grant.instance_url, call, grant.access_token)
            answer.raise_for_error()
            return answer

        return self.retries.run(attempt, repeat_if=_repeat_rule(call))


def _flaw_of_csv(headers: Mapping[str, str]) -> str | None:
    """Why an answer cannot be read as CSV whose end is certain."""
    kind = headers.get("Content-Type", "text/csv").lower()
    coding = headers.get("Content-Encoding", "identity").lower()
    if "html" in kind or "json" in kind:
        return f"CSV was asked for, but it is '{kind}'"
    if coding not in READABLE_CODINGS:
        return f"it is encoded as '{coding}', which was not asked for"
    has_end = coding in GZIP_CODINGS or "Content-Length" in headers or "Transfer-Encoding" in headers
    if not has_end:
        return "it tells neither its length nor its end, so that a part of it would look like all"
    return None


def _repeat_rule(call: Call) -> Callable[[BaseException], bool]:
    if not call.is_write:
        return may_repeat_read
    return may_repeat_write if call.is_replayable else _was_not_sent


def _was_not_sent(error: BaseException) -> bool:
    return isinstance(error, UnreachableError)
