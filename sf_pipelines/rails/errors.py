"""Every way in which talking to an org can fail, as classes that say whether sending again is safe.

    SalesforceError
    ├── TransportError               no usable answer to a request that changes nothing
    │   ├── UnreachableError         no connection was made: nothing was sent
    │   └── BrokenTransferError      an answer that ended before its end
    ├── UnknownOutcomeError          a write whose answer was lost: done or not done
    ├── OrgUnavailableError          420, 429 or 5xx: the org cannot answer now
    ├── UnexpectedAnswerError        an answer that is not Salesforce's: HTML, broken JSON, unknown shape
    ├── AuthenticationError          OAuth refused the credentials
    ├── JobDeadlineError             a Bulk job that did not end by its deadline
    └── RefusedError                 the org's own refusal, with its code
        ├── SessionExpiredError      401 after one renewal of the token
        ├── RequestLimitError        a quota of the rolling 24 hours is spent
        ├── ConcurrencyLimitError    too many long requests at this moment
        ├── AccessDeniedError        the user may not do this
        ├── ObjectNotFoundError      no such object, or not for this API
        ├── FieldNotFoundError       no such field
        ├── BulkJobNotFoundError     no such job, or its seven days are over
        ├── BulkJobStateError        the job's state does not allow this
        └── BulkQueryRefusedError    SOQL that Bulk cannot run: ask by REST

Nothing that recognises errors in answers belongs here: see `refusal`. Imports nothing of this project.
Messages never hold a secret, a query string or a request body.
"""

from __future__ import annotations

from typing import ClassVar, TypedDict, Unpack

RETRYABLE_CODES = frozenset({"UNABLE_TO_LOCK_ROW", "TXN_SECURITY_METERING_ERROR"})
"""Codes of refusals that pass by themselves."""


class Facts(TypedDict, total=False):
    """What an error knows about its request and answer."""

    method: str
    path: str
    status: int
    error_code: str
    fields: tuple[str, ...]
    request_id: str
    org_request_id: str | None
    job_id: str | None


class SalesforceError(Exception):
    """A request to an org that did not do its work.

    Picklable with all its attributes: every class can be made of its message alone.

    Attributes:
        message: the sentence, or Salesforce's own text.
        path: path of the URL, without its query.
        status: HTTP status, None where there was no answer.
        error_code: Salesforce's or OAuth's code.
        fields: API names that the org points at.
        request_id: id that this client gave to the request; org_request_id: one that the org answered with.
        job_id: the Bulk job that the request was about.
        speaks_against_rail: whether another rail might have carried the same work.
    """

    speaks_against_rail: ClassVar[bool] = True

    def __init__(self, message: str, **facts: Unpack[Facts]) -> None:
        super().__init__(message)
        self.message = message
        self.method = facts.get("method")
        self.path = facts.get("path")
        self.status = facts.get("status")
        self.error_code = facts.get("error_code")
        self.fields = facts.get("fields", ())
        self.request_id = facts.get("request_id")
        self.org_request_id = facts.get("org_request_id")
        self.job_id = facts.get("job_id")

    @property
    def is_retryable(self) -> bool:
        """Whether the same request, sent again a little later, is harmless and may succeed."""
        return False

    def __str__(self) -> str:
        sentence, details = self._sentence().removesuffix("."), self._details()
        return f"{sentence} ({', '.join(details)})." if details else f"{sentence}."

    def _sentence(self) -> str:
        return self.message

    def _details(self) -> list[str]:
        details = [f"{self.method} {self.path}"] if self.path else []
        named = (
            ("status", self.status),
            ("request", self.request_id),
            ("org request", self.org_request_id),
            ("job", self.job_id),
        )
        return details + [f"{name} {value}" for name, value in named if value]


class TransportError(SalesforceError):
    """There was no usable answer to a request that changes nothing."""

    @property
    def is_retryable(self) -> bool:
        """Always: nothing was changed."""
        return True


class UnreachableError(TransportError):
    """No connection to the org was made, so nothing was sent."""


class BrokenTransferError(TransportError):
    """An answer ended before its end; what was read of it is not the whole.

    Attributes:
        page_number: page of a Bulk query's results, counted from 1, and None elsewhere.
        locator: what to ask the page with again; None for the first page.
    """

    def __init__(
        self,
        message: str,
        *,
        page_number: int | None = None,
        locator: str | None = None,
        **facts: Unpack[Facts],
    ) -> None:
        super().__init__(message, **facts)
        self.page_number = page_number
        self.locator = locator


class UnknownOutcomeError(SalesforceError):
    """A write was sent and its answer was lost: the org may or may not have done it."""


class OrgUnavailableError(SalesforceError):
    """The org cannot answer now; for a write only 420 and 429, which come before any effect."""

    @property
    def is_retryable(self) -> bool:
        """Always: the request was not carried out, or only read."""
        return True


class UnexpectedAnswerError(SalesforceError):
    """The answer is not one that Salesforce's API gives."""


class AuthenticationError(SalesforceError):
    """The org did not give a token for these credentials."""

    speaks_against_rail = False


class JobDeadlineError(SalesforceError):
    """A Bulk job was not terminal by its deadline; it goes on in the org."""

    @property
    def is_retryable(self) -> bool:
        """Waiting again is harmless."""
        return True


class RefusedError(SalesforceError):
    """The org understood the request and refused it."""

    @property
    def is_retryable(self) -> bool:
        """Whether the refusal is one that passes by itself."""
        return self.error_code in RETRYABLE_CODES

    def _sentence(self) -> str:
        # Salesforce draws a caret under the mistake in SOQL, over several lines.
        return f"{self.error_code}: {' '.join(self.message.split())}"


class SessionExpiredError(RefusedError):
    """The org refused the token, also the renewed one."""

    speaks_against_rail = False


class RequestLimitError(RefusedError):
    """A quota of the rolling 24 hours is spent: wait for hours, not for seconds."""

    speaks_against_rail = False


class ConcurrencyLimitError(RefusedError):
    """Too many requests of more than 20 seconds run at this moment."""

    @property
    def is_retryable(self) -> bool:
        """Always: the refusal comes before any effect and passes in seconds."""
        return True


class AccessDeniedError(RefusedError):
    """The user or the org lacks a permission."""

    speaks_against_rail = False


class ObjectNotFoundError(RefusedError):
    """The org has no such object, or not for this API.

    Attributes:
        sobject: its name, where the org or the request tells it.
    """

    def __init__(self, message: str, *, sobject: str | None = None, **facts: Unpack[Facts]) -> None:
        super().__init__(message, **facts)
        self.sobject = sobject

    def _sentence(self) -> str:
        if self.sobject is None:
            return super()._sentence()
        return (
            f"The org has no object '{self.sobject}', or hides it from this user: "
            "correct its name, or grant access"
        )


class FieldNotFoundError(RefusedError):
    """The org has no such field, or hides it from this user.

    Attributes:
        field: its name, where the org tells it; sobject: the object it was looked for in.
    """

    speaks_against_rail = False

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        sobject: str | None = None,
        **facts: Unpack[Facts],
    ) -> None:
        super().__init__(message, **facts)
        self.field = field
        self.sobject = sobject

    def _sentence(self) -> str:
        if self.field is None:
            return super()._sentence()
        owner = f"object '{self.sobject}'" if self.sobject else "object"
        return (
            f"The {owner} has no field '{self.field}', or hides it from this user: "
            "correct its name, or grant access"
        )


class BulkJobNotFoundError(RefusedError):
    """The org has no such Bulk job, or its seven days are over."""


class BulkJobStateError(RefusedError):
    """The job's state does not allow what was asked."""


class BulkQueryRefusedError(RefusedError):
    """Bulk API 2.0 cannot run this SOQL; REST may."""
