"""One HTTP request over pooled connections, and its answer; failures of the connection become errors.

Knows HTTP, not Salesforce's resources; does not authenticate by itself and repeats nothing.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from sf_pipelines.config.settings import Secret
from sf_pipelines.rails.errors import (
    Facts,
    SalesforceError,
    UnexpectedAnswerError,
    UnknownOutcomeError,
    UnreachableError,
)
from sf_pipelines.rails.failures import failure, lost
from sf_pipelines.rails.meter import Meter
from sf_pipelines.rails.refusal import describe_body, refusal
from sf_pipelines.rails.urls import is_loopback

CLIENT_NAME = "sf_pipelines"
"""Comes back in change events as part of `changeOrigin`, so that our own writes can be told apart."""

POOL_SIZE = 16

CONNECT_SECONDS = 10.0
READ_SECONDS = 180.0
"""Longest silence while reading: SOQL may take two minutes to begin its answer [I]."""

WRITE_SECONDS = 630.0
"""Longest wait for a write's answer: the org itself gives up after ten minutes [D]."""

UPLOAD_STALL_SECONDS = 60.0
"""Longest time in which an upload may make no progress."""

REQUEST_ID_HEADER = "X-Request-Id"
ORG_REQUEST_ID_HEADERS = ("X-SFDC-Request-Id", "X-Request-Id")
"""None of them is documented by Salesforce: ours helps in proxy logs, theirs is kept when it comes."""

_JOB_ID = re.compile(r"/jobs/(?:ingest|query)/([A-Za-z0-9]{15,18})(?:/|$)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What is to be sent. The path may carry a query only where the org itself gave it out.

    Attributes:
        is_write: whether the org may be changed by it: then it is not repeated blindly.
        is_streamed: whether the answer's body stays on the socket until it is read.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | Iterable[bytes] | None = field(default=None, repr=False)
    is_write: bool = False
    is_streamed: bool = False

    @property
    def is_replayable(self) -> bool:
        """Whether the body can be sent a second time."""
        return self.body is None or isinstance(self.body, bytes) or iter(self.body) is not self.body

    @property
    def timeouts(self) -> tuple[float, float]:
        """Seconds for connecting (and for each step of sending), and for reading."""
        is_upload = self.body is not None and not isinstance(self.body, bytes)
        return (
            UPLOAD_STALL_SECONDS if is_upload else CONNECT_SECONDS,
            WRITE_SECONDS if self.is_write else READ_SECONDS,
        )

    def facts(self, request_id: str) -> Facts:
        """The request as an error tells it: no query, no body."""
        path = urlsplit(self.path).path
        job = _JOB_ID.search(path)
        return Facts(
            method=self.method, path=path, request_id=request_id, job_id=job.group(1) if job else None
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer of any status, and the request that it belongs to."""

    call: Call
    request_id: str
    response: requests.Response = field(repr=False)

    @property
    def status(self) -> int:
        """HTTP status."""
        return self.response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, whatever their case."""
        return self.response.headers

    @property
    def facts(self) -> Facts:
        """Request and answer as an error tells them."""
        named = (self.headers.get(name) for name in ORG_REQUEST_ID_HEADERS)
        org_request_id = next((value for value in named if value and value != self.request_id), None)
        return self.call.facts(self.request_id) | Facts(status=self.status, org_request_id=org_request_id)

    def content(self) -> bytes:
        """The whole body, decoded; for answers of bounded size only."""
        try:
            return self.response.content
        except requests.RequestException as error:
            raise lost(error, is_write=self.call.is_write, facts=self.facts) from error

    def raise_for_error(self) -> None:
        """Raise what the answer stands for unless it is a success."""
        if 200 <= self.status < 300:
            return
        with self.response:
            raise refusal(
                status=self.status, body=self.content(), is_write=self.call.is_write, facts=self.facts
            )

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object; raises UnexpectedAnswerError where it is none."""
        body = self.content()
        try:
            data: Any = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise self.unexpected(f"it holds {describe_body(body)}") from None
        if not isinstance(data, dict):
            raise self.unexpected("it is not a JSON object")
        return cast("dict[str, Any]", data)

    def unexpected(self, reason: str) -> SalesforceError:
        """The error for a successful answer that cannot be understood; a write may have been done."""
        if self.call.is_write:
            return UnknownOutcomeError(
                f"The answer to a write cannot be understood: {reason}. "
                "Read what is there before sending it again.",
                **self.facts,
            )
        return UnexpectedAnswerError(
            f"The answer cannot be understood: {reason}. Check that the URL is the org's own.", **self.facts
        )


class Wire:
    """Pooled connections to the hosts of one org.

    Args:
        longest_wait_seconds: bound of every wait for a connection or an answer.
    """

    def __init__(self, meter: Meter, *, longest_wait_seconds: float = math.inf) -> None:
        self._meter = meter
        self._longest_wait_seconds = longest_wait_seconds
        self._session = requests.Session()
        self._session.headers.update(
            {
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": CLIENT_NAME,
                "Sforce-Call-Options": f"client={CLIENT_NAME}",
            }
        )
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=POOL_SIZE)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def send(self, base_url: str, call: Call, token: Secret | None = None) -> Answer:
        """Send once and give the answer, whatever its status.

        Raises:
            UnreachableError: nothing was sent.
            TransportError: sent, no answer, and nothing was changed by it.
            UnknownOutcomeError: a write was sent and its answer is lost.
        """
        request_id = uuid.uuid4().hex
        upload = None if isinstance(call.body, bytes) or call.body is None else _Upload(call.body)
        try:
            response = self._request(base_url, call, upload or call.body, token, request_id)
        except _SourceError as error:
            raise error.source from error.source.__cause__
        except requests.RequestException as error:
            facts = call.facts(request_id)
            told = failure(error, base_url=base_url, is_write=call.is_write, facts=facts)
            if not isinstance(told, UnreachableError):
                self._meter.count(call.path)
            raise told from error
        self._meter.count(call.path)
        self._meter.observe(response.headers)
        return Answer(call=call, request_id=request_id, response=response)

    def _request(
        self,
        base_url: str,
        call: Call,
        body: bytes | Iterable[bytes] | None,
        token: Secret | None,
        request_id: str,
    ) -> requests.Response:
        return self._session.request(
            call.method,
            base_url + call.path,
            params=dict(call.params),
            headers={**call.headers, REQUEST_ID_HEADER: request_id},
            data=body,
            auth=_Bearer(token),
            timeout=self._timeouts(call),
            allow_redirects=False,
            stream=call.is_streamed,
            verify=True,
            proxies=_proxies(base_url),
        )

    def _timeouts(self, call: Call) -> tuple[float, float]:
        connecting, reading = call.timeouts
        return (min(connecting, self._longest_wait_seconds), min(reading, self._longest_wait_seconds))


class _Bearer(AuthBase):
    """Sets the token, or nothing; being there, it keeps a .netrc from adding its own."""

    def __init__(self, token: Secret | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


class _SourceError(Exception):
    """Carries an error of the body's source past HTTP code that takes each OSError for the socket's."""

    def __init__(self, source: Exception) -> None:
        super().__init__()
        self.source = source


class _Upload:
    """A body without a length, so that it is sent in HTTP chunks as it is made."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks

    def __iter__(self) -> Iterator[bytes]:
        blocks = iter(self._blocks)
        while True:
            try:
                block = next(blocks)
            except StopIteration:
                return
            except Exception as error:
                raise _SourceError(error) from error
            if block:
                yield block


def _proxies(base_url: str) -> dict[str, str] | None:
    # An empty address wins over the environment's proxy, which could not reach this machine's loopback.
    return {"http": "", "https": ""} if is_loopback(base_url) else None
