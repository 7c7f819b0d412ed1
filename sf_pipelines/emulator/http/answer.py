"""Turns whatever a handler does into an answer.

Belongs here: exceptions to envelopes, once, for the wire and for composites. Imports envelope, messages.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.envelope import RowRefusedError, error_response, unexpected_error
from sf_pipelines.emulator.http.messages import ApiResponse, json_error

_LOG = logging.getLogger(__name__)


def answer(call: Callable[[], ApiResponse]) -> ApiResponse:
    """Run a handler; an exception that nobody foresaw is logged and becomes a 500 envelope."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001  the last line of defence of a server
        return _refusal(error)


async def answer_async(call: Awaitable[ApiResponse]) -> ApiResponse:
    """The same for a handler that reads a stream."""
    try:
        return await call
    except ClientDisconnect:
        raise
    except Exception as error:  # noqa: BLE001  the last line of defence of a server
        return _refusal(error)


def _refusal(error: Exception) -> ApiResponse:
    if isinstance(error, SalesforceError):
        return error_response([error])
    if isinstance(error, RowRefusedError):
        return error_response(error.errors)
    if isinstance(error, RecursionError):
        return error_response([json_error("The JSON of the request is nested too deeply")])
    _LOG.error("A handler of the emulator failed", exc_info=error)
    return error_response([unexpected_error()])
