"""The one exception type of the emulator: a Salesforce error with its code, text and HTTP status.

Belongs here: the exception and its two wire shapes. Not here: which module raises what. Imports nothing of
the emulator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class SalesforceError(Exception):
    """One Salesforce error: HTTP status plus one item of the error envelope ([D] RESTG, error responses)."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        fields: Sequence[str] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Store the parts.

        Args:
            code: Salesforce's own code, for example `REQUIRED_FIELD_MISSING`.
            message: Salesforce's own text.
            status: the HTTP status when the error is the whole answer of a REST call.
            fields: API names of the fields concerned; None when the envelope has no `fields` key.
            details: further keys of the error, such as `duplicateResult`.
        """
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = None if fields is None else tuple(fields)
        self.details = dict(details or {})

    def __str__(self) -> str:
        """Read as `CODE: message`."""
        return f"{self.code}: {self.message}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive pickling with every part."""
        return (_rebuild, (self.code, self.message, self.status, self.fields, self.details))

    def as_envelope(self) -> dict[str, Any]:
        """The item of the REST error array: `message`, `errorCode` and, where known, `fields`."""
        item: dict[str, Any] = {**self.details, "message": self.message, "errorCode": self.code}
        if self.fields is not None:
            item["fields"] = list(self.fields)
        return item

    def as_row_error(self) -> dict[str, Any]:
        """The item of a row's `errors` array in the collections family ([R] AMP), `fields` always there."""
        return {
            "statusCode": self.code,
            "message": self.message,
            "fields": list(self.fields or ()),
            **self.details,
        }


def _rebuild(
    code: str, message: str, status: int, fields: tuple[str, ...] | None, details: Mapping[str, Any]
) -> SalesforceError:
    return SalesforceError(code, message, status=status, fields=fields, details=details)
