"""What kind of failure each error code stands for, as data. Pure.

The class alone decides whether a row may be sent again (see `retry_plan`). Codes come from the REST error
list (RESTG), from row errors of Bulk results (BULKG), and from this client itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sf_pipelines.model.outcome import FailureClass

OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
"""Of a row that the org may or may not have written."""

JOB_ENDED_EARLY = "UNPROCESSED"
"""Of a row that the org had not looked at when its job ended."""

NOT_SENT = "NOT_SENT"
"""Of a row that its run was given up before."""

RESULTS_GONE = "RESULTS_GONE"
"""Of a row whose job has ended, and whose results the org no longer has."""

VALUE_TOO_LONG = "VALUE_TOO_LONG"
"""Of a row that was not sent, since one of its values is longer than Salesforce takes in any field."""

CONSERVATIVE = FailureClass.DATA
"""Class of a code that nobody has listed: a person looks at it, and nothing is sent again blindly."""

_CODES: Mapping[FailureClass, tuple[str, ...]] = {
    # UNABLE_TO_LOCK_ROW [D record locking]; TooManyLockFailure [D BULKG]
    FailureClass.LOCK: ("UNABLE_TO_LOCK_ROW", "TOO_MANY_LOCK_FAILURE"),
    # [D RESTG status list; C airbyte retries the metering error]
    FailureClass.TRANSIENT: (
        "UNKNOWN_EXCEPTION",
        "SERVER_UNAVAILABLE",
        "QUERY_TIMEOUT",
        "TXN_SECURITY_METERING_ERROR",
        "TIMEOUT",
        "CONCURRENT_REQUESTS_LIMIT_EXCEEDED",
    ),
    # [D RESTG; D BULKG]
    FailureClass.QUOTA: (
        "REQUEST_LIMIT_EXCEEDED",
        "LIMIT_EXCEEDED",
        "EXCEEDED_QUOTA",
        "STORAGE_LIMIT_EXCEEDED",
    ),
    # [D RESTG]
    FailureClass.PERMISSION: (
        "INSUFFICIENT_ACCESS",
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "API_DISABLED_FOR_ORG",
        "FEATURE_NOT_ENABLED",
    ),
    # [D RESTG]
    FailureClass.DUPLICATE: ("DUPLICATE_VALUE", "DUPLICATES_DETECTED", "DUPLICATE_EXTERNAL_ID"),
    # [D RESTG]
    FailureClass.DATA: (
        "REQUIRED_FIELD_MISSING",
        "MISSING_ARGUMENT",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "FIELD_FILTER_VALIDATION_EXCEPTION",
        "FIELD_INTEGRITY_EXCEPTION",
        "STRING_TOO_LONG",
        "NUMBER_OUTSIDE_VALID_RANGE",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "INVALID_EMAIL_ADDRESS",
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        "INVALID_FIELD",
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
        "JSON_PARSER_ERROR",
        "ENTITY_IS_DELETED",
        "NOT_FOUND",
        "DELETE_FAILED",
        VALUE_TOO_LONG,
    ),
    # triggers and flows of the org [D RESTG]; jobs that the org ended; runs that were given up
    FailureClass.ORG: (
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "CANNOT_EXECUTE_FLOW_TRIGGER",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "PROCESSING_HALTED",
        JOB_ENDED_EARLY,
        NOT_SENT,
    ),
    FailureClass.UNKNOWN: (OUTCOME_UNKNOWN, RESULTS_GONE),
}


def _folded(code: str) -> str:
    # Bulk spells its codes run together, REST with underscores ([D] BULKG 5.5)
    return code.replace("_", "").upper()


def _by_code() -> Iterator[tuple[str, FailureClass]]:
    for failure_class, codes in _CODES.items():
        for code in codes:
            yield _folded(code), failure_class


_CLASS_OF: Mapping[str, FailureClass] = dict(_by_code())


def classify(code: str) -> FailureClass:
    """The class of an error code, however it is spelled; the conservative one where it is not listed."""
    return _CLASS_OF.get(_folded(code), CONSERVATIVE)
