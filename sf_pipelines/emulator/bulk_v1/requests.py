"""Reads the documents that create a job or change its state.

Belongs here: which facts and values are good. Not here: XML and JSON (documents.py), keeping jobs. Imports
bulk's checks, errors, schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sf_pipelines.emulator.bulk.job_requests import (
    INGEST_OPERATIONS,
    bulk_object,
    external_id_field,
    hard_delete_refused,
)
from sf_pipelines.emulator.bulk_v1.jobs import QUERIES
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.model import OrgSchema

_FACTS = frozenset(
    {"operation", "object", "contentType", "concurrencyMode", "externalIdFieldName", "assignmentRuleId"}
)
# A JSON caller may name an enumeration by its place (simple-salesforce does).
_MODES = {"Parallel": "Parallel", "Serial": "Serial", "0": "Parallel", "1": "Serial"}
_CONTENT_TYPES = ("CSV", "JSON", "XML")


def read_job(schema: OrgSchema, facts: Mapping[str, Any], *, hard_delete_allowed: bool) -> dict[str, Any]:
    """The facts of a new job, by the names of `ClassicJob`.

    Raises:
        SalesforceError: 400, saying what is wrong.
    """
    unknown = [name for name in facts if name not in _FACTS]
    if unknown:
        raise SalesforceError("InvalidJob", f"Unable to parse Job: unknown element {unknown[0]}")
    operation = _text(facts, "operation")
    if operation not in (*INGEST_OPERATIONS, *QUERIES):
        raise SalesforceError("InvalidJob", f"Unable to parse Job: operation {operation} is not known")
    if operation == "hardDelete" and not hard_delete_allowed:
        raise hard_delete_refused()
    sobject = bulk_object(schema, _text(facts, "object"))
    return {
        "operation": operation,
        "sobject": sobject.name,
        "content_type": _content_type(facts),
        "concurrency_mode": _mode(facts),
        "external_id_field": external_id_field(sobject, operation, _text(facts, "externalIdFieldName")),
        "assignment_rule_id": _text(facts, "assignmentRuleId") or None,
    }


def read_job_state(facts: Mapping[str, Any]) -> str:
    """`Closed` or `Aborted`.

    Raises:
        SalesforceError: InvalidJobState.
    """
    state = _text(facts, "state")
    if state not in ("Closed", "Aborted"):
        raise SalesforceError("InvalidJobState", f"A job can't be set to the state '{state}'")
    return state


def _text(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    return "" if value is None else str(value)


def _content_type(facts: Mapping[str, Any]) -> str:
    # [D] XML when none is named.
    value = _text(facts, "contentType") or "XML"
    if value not in _CONTENT_TYPES:
        message = f"The contentType {value} is not supported here: send {', '.join(_CONTENT_TYPES)}"
        raise SalesforceError("InvalidJob", message)
    return value


def _mode(facts: Mapping[str, Any]) -> str:
    value = _text(facts, "concurrencyMode") or "Parallel"
    if value not in _MODES:
        raise SalesforceError("InvalidJob", f"Unable to parse Job: concurrencyMode {value} is not known")
    return _MODES[value]
