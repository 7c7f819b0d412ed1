"""From the status and the trailers of a gRPC call to the error that it stands for ([D] PSG)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc

from sf_pipelines.rails.errors import Facts
from sf_pipelines.rails.stream_errors import (
    DeliveryAllocationError,
    ReplayIdRefusedError,
    SchemaUnknownError,
    StreamError,
    StreamInterruptedError,
    StreamRefusedError,
    StreamThrottledError,
    StreamUnauthenticatedError,
)

CODE_PREFIX = "sfdc.platform.eventbus.grpc."
ERROR_CODE = "error-code"
RPC_ID = "rpc-id"

_BY_CODE: Mapping[str, type[StreamError]] = {
    "service.unavailable": StreamInterruptedError,
    "service.auth.error": StreamUnauthenticatedError,
    "service.protection.triggered": StreamThrottledError,
    "service.protection.stream.limit.triggered": StreamThrottledError,
    "concurrent.client.limit.exceeded": StreamThrottledError,
    "subscription.limit.exceeded": DeliveryAllocationError,
    "topic.api.unavailable": StreamInterruptedError,
    "schema.api.unavailable": StreamInterruptedError,
    "schema.meta.permission": SchemaUnknownError,
    "schema.validation.failed": SchemaUnknownError,
    "subscription.fetch.replayid.corrupted": ReplayIdRefusedError,
    "subscription.fetch.replayid.validation.failed": ReplayIdRefusedError,
    "subscription.internal.error": StreamInterruptedError,
}

_BY_STATUS: Mapping[grpc.StatusCode, type[StreamError]] = {
    grpc.StatusCode.UNAUTHENTICATED: StreamUnauthenticatedError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: StreamThrottledError,
    grpc.StatusCode.UNAVAILABLE: StreamInterruptedError,
    grpc.StatusCode.INTERNAL: StreamInterruptedError,
    grpc.StatusCode.UNKNOWN: StreamInterruptedError,
    grpc.StatusCode.ABORTED: StreamInterruptedError,
    grpc.StatusCode.CANCELLED: StreamInterruptedError,
    grpc.StatusCode.DEADLINE_EXCEEDED: StreamInterruptedError,
}
"""For errors without a code of the org's: proxies and broken connections."""


def stream_error(error: grpc.RpcError, *, method: str, channel: str) -> StreamError:
    """The error of a call; `channel` is a schema id for GetSchema."""
    call: Any = error  # grpc raises errors that are calls too, and types them as bare exceptions
    trailers = {key: value for key, value in call.trailing_metadata() or ()}
    code = trailers.get(ERROR_CODE)
    known = _BY_CODE.get(str(code).removeprefix(CODE_PREFIX)) if code else None
    kind = known or _BY_STATUS.get(call.code(), StreamRefusedError)
    facts = Facts(method=method, path=channel, org_request_id=trailers.get(RPC_ID))
    if code:
        facts["error_code"] = str(code)
    return kind(_message(call, code), **facts)


def _message(call: Any, code: str | None) -> str:
    details = " ".join(str(call.details() or "no details").split())
    return f"{code or call.code().name}: {details}"
