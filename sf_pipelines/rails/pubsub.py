"""The Pub/Sub API over gRPC ([D] PSG, PROTO): streams of events, and the Avro schemas to read them by.

Sends the token as metadata of each call, and only by TLS or within this machine. Decodes nothing: see
`change_events`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import grpc

from sf_pipelines.config.settings import PREFIX, SettingsError
from sf_pipelines.rails.auth import Authenticator, Grant
from sf_pipelines.rails.change_ports import ChangeStream, PubSubPort, StreamBegin, StreamLimits
from sf_pipelines.rails.errors import UnexpectedAnswerError
from sf_pipelines.rails.pubsub_stream import PubSubStream
from sf_pipelines.rails.stream_errors import StreamUnauthenticatedError
from sf_pipelines.rails.stream_refusal import stream_error
from sf_pipelines.rails.urls import host_and_port, is_safe_url, site
from sf_pipelines.wire.pubsub_api_pb2 import FetchRequest, SchemaRequest
from sf_pipelines.wire.pubsub_api_pb2_grpc import PubSubStub

GET_SCHEMA = "GetSchema"
CALL_SECONDS = 30.0
LARGEST_ANSWER_BYTES = 128 * 1024 * 1024
"""100 events of 1 MB each, the largest that may be asked for, with room to spare."""

_OPTIONS = (
    ("grpc.max_receive_message_length", LARGEST_ANSWER_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),  # the pace of opening streams is ours; see workflows.subscribe
    ("grpc.enable_retries", 0),
)


class PubSub(PubSubPort):
    """One org's Pub/Sub API over one connection; safe for threads."""

    def __init__(
        self, url: str, authenticator: Authenticator, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._authenticator = authenticator
        self._monotonic = monotonic
        self._connection = _connect(url)
        self._stub = PubSubStub(self._connection)
        self._refused: Grant | None = None

    def __enter__(self) -> PubSub:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def schema(self, schema_id: str) -> str:
        """An Avro schema as JSON text."""
        try:
            return self._schema(schema_id)
        except StreamUnauthenticatedError:
            return self._schema(schema_id)

    def subscribe(self, channel: str, begin: StreamBegin, limits: StreamLimits) -> ChangeStream:
        """Open a stream; that it is refused is told by its first `next`."""
        grant = self._grant()

        def call(requests: Iterator[FetchRequest]) -> Any:
            return self._stub.Subscribe(requests, metadata=_metadata(grant))

        return PubSubStream(
            call,
            channel,
            begin,
            limits,
            monotonic=self._monotonic,
            on_error=lambda error: self._note(error, grant),
        )

    def _schema(self, schema_id: str) -> str:
        grant = self._grant()
        request = SchemaRequest(schema_id=schema_id)
        try:
            return self._stub.GetSchema(request, metadata=_metadata(grant), timeout=CALL_SECONDS).schema_json
        except grpc.RpcError as error:
            told = stream_error(error, method=GET_SCHEMA, channel=schema_id)
            self._note(told, grant)
            raise told from error

    def _grant(self) -> Grant:
        refused, self._refused = self._refused, None
        return self._authenticator.renew(refused) if refused else self._authenticator.grant()

    def _note(self, error: BaseException, grant: Grant) -> None:
        if isinstance(error, StreamUnauthenticatedError):
            self._refused = grant


def _connect(url: str) -> grpc.Channel:
    if not is_safe_url(url):
        raise SettingsError(
            f"{PREFIX}PUBSUB_URL is '{site(url)}': use an https address, or http for a host on this machine."
        )
    if urlsplit(url).scheme == "http":
        return grpc.insecure_channel(host_and_port(url), options=_OPTIONS)
    return grpc.secure_channel(host_and_port(url), grpc.ssl_channel_credentials(), options=_OPTIONS)


def _metadata(grant: Grant) -> tuple[tuple[str, str], ...]:
    if grant.org_id is None:
        raise UnexpectedAnswerError(
            "The org's token answer names no org in its identity URL, and the Pub/Sub API needs that id: "
            "use a flow whose answer has an 'id'."
        )
    return (
        ("accesstoken", grant.access_token.reveal()),
        ("instanceurl", grant.instance_url),
        ("tenantid", grant.org_id),
    )
