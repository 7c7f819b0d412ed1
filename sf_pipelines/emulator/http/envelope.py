"""Errors as answers: the envelope that every REST error has.

Belongs here: the array shape and the exception that carries several errors. Not here: the OAuth shape.
Imports errors, messages and results.
"""

from __future__ import annotations

from collections.abc import Sequence

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.messages import ApiResponse
from sf_pipelines.emulator.results import RowResult


class RowRefusedError(Exception):
    """A row that the org refused, as the whole answer of a call: one or more errors."""

    def __init__(self, errors: Sequence[SalesforceError]) -> None:
        """Keep the errors in the org's order."""
        super().__init__(*errors)
        self.errors = tuple(errors)


def error_response(errors: Sequence[SalesforceError]) -> ApiResponse:
    """`[{"message", "errorCode"[, "fields"]}, ...]` under the status of the first error."""
    return ApiResponse(status=errors[0].status, json=[error.as_envelope() for error in errors])


def require_success(result: RowResult) -> RowResult:
    """The result of a single-row call, if the org took it.

    Raises:
        RowRefusedError: it didn't.
    """
    if not result.success:
        raise RowRefusedError(result.errors)
    return result


def unexpected_error() -> SalesforceError:
    """500 UNKNOWN_EXCEPTION, for a fault of the emulator itself."""
    message = "An unexpected error occurred. Please include this ErrorId if you contact support: emulator"
    return SalesforceError("UNKNOWN_EXCEPTION", message, status=500)


def not_found() -> SalesforceError:
    """404 NOT_FOUND for a path, a type or an id that isn't there."""
    return SalesforceError("NOT_FOUND", "The requested resource does not exist", status=404)
