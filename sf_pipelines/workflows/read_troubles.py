"""Which named state an error of reading stands for, and what mends it."""

from __future__ import annotations

from sf_pipelines.lake.errors import CsvError, MisfitError
from sf_pipelines.model.extract import ReadTrouble
from sf_pipelines.rails.errors import (
    AuthenticationError,
    BrokenTransferError,
    BulkJobNotFoundError,
    FieldNotFoundError,
    OrgUnavailableError,
    RefusedError,
    SalesforceError,
    SessionExpiredError,
    TransportError,
)
from sf_pipelines.workflows.errors import ReadError

CONFLICT = 409
"""Status of results that are asked for with another API version than their job's [D BULKG 6]."""

_CLASSES: tuple[tuple[tuple[type[Exception], ...], ReadTrouble], ...] = (
    ((BrokenTransferError,), ReadTrouble.PAGE_CUT),
    ((SessionExpiredError, AuthenticationError), ReadTrouble.SESSION_EXPIRED),
    ((FieldNotFoundError,), ReadTrouble.FIELD_NOT_READABLE),
    ((BulkJobNotFoundError,), ReadTrouble.LOCATOR_EXPIRED),
    ((TransportError, OrgUnavailableError), ReadTrouble.ORG_UNREACHABLE),
    ((CsvError, MisfitError), ReadTrouble.VALUE_NOT_OF_ITS_TYPE),
)

RESULT_IS_LOST = frozenset(
    {ReadTrouble.LOCATOR_EXPIRED, ReadTrouble.VERSION_MISMATCH, ReadTrouble.JOB_COUNT_DISAGREES}
)
"""Troubles that a new query job mends: the pages of the old one say nothing any more."""


def trouble_of(error: Exception) -> ReadTrouble:
    """The named state of an error."""
    if isinstance(error, ReadError):
        return error.trouble
    if isinstance(error, RefusedError) and error.status == CONFLICT:
        return ReadTrouble.VERSION_MISMATCH
    if _is_stale_locator(error):
        return ReadTrouble.LOCATOR_EXPIRED
    found = (trouble for kinds, trouble in _CLASSES if isinstance(error, kinds))
    return next(found, ReadTrouble.ORG_REFUSED)


def _is_stale_locator(error: Exception) -> bool:
    """A refusal of the words of a locator; the code differs between REST and Bulk [D, I]."""
    if not isinstance(error, SalesforceError) or error.status != 400:
        return False
    return error.error_code == "INVALID_QUERY_LOCATOR" or "locator" in error.message.casefold()
