"""Failures of the connection itself, turned into errors: was anything sent, and may it have had an effect?

Knows the HTTP library's exceptions and nothing of Salesforce's answers: see `refusal` for those.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import requests
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError
from urllib3.exceptions import ProxyError as PoolProxyError

from sf_pipelines.rails.errors import (
    Facts,
    SalesforceError,
    TransportError,
    UnknownOutcomeError,
    UnreachableError,
)
from sf_pipelines.rails.urls import host_and_port


def failure(
    error: requests.RequestException, *, base_url: str, is_write: bool, facts: Facts
) -> SalesforceError:
    """The error for a request that has no answer."""
    if _was_never_sent(error):
        return UnreachableError(
            f"No connection to the org at {host_and_port(base_url)} ({_reason(error)}): "
            "check SF_PIPELINES_SALESFORCE_URL, the network and any proxy.",
            **facts,
        )
    return lost(error, is_write=is_write, facts=facts)


def lost(error: requests.RequestException, *, is_write: bool, facts: Facts) -> SalesforceError:
    """The error for a request that was sent and whose answer did not come, or not whole."""
    reason = _reason(error)
    if is_write:
        return UnknownOutcomeError(
            f"The answer to a write was lost ({reason}), so it may or may not be done. "
            "Read what is there before sending it again.",
            **facts,
        )
    return TransportError(f"The org's answer was lost ({reason}): ask again.", **facts)


def _was_never_sent(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.InvalidURL):
        return True
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return True
    kinds = (NewConnectionError, ConnectTimeoutError, PoolProxyError)
    return any(isinstance(cause, MaxRetryError) and isinstance(cause.reason, kinds) for cause in causes)


def _reason(error: BaseException) -> str:
    """The innermost cause in the operating system's words, else the name of its class."""
    causes = list(_causes(error))
    texts = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    if texts:
        return texts[-1]
    if any(isinstance(cause, requests.Timeout | TimeoutError) for cause in causes):
        return "timed out"
    return type(causes[-1]).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all it was made of, also where one library only kept another's error as an argument."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        linked = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        waiting.extend(item for item in linked if isinstance(item, BaseException))
