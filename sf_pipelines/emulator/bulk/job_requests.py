"""Reads the JSON of a job's creation and of its state change.

Belongs here: which fields and values are good, and the codes of a refusal (section 5.5). Not here: keeping
the job. Imports errors, jobs, schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from sf_pipelines.emulator.bulk.jobs import DELIMITERS, LINE_ENDINGS
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.ids import is_well_formed, to_18
from sf_pipelines.emulator.schema.model import ObjectSchema, OrgSchema

INGEST_OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
QUERY_OPERATIONS = ("query", "queryAll")
# [D] section 5.1; the prefix is that of AssignmentRule.
_ASSIGNABLE = frozenset({"Case", "Lead"})
_ASSIGNMENT_RULE_PREFIX = "01Q"
_FORMAT_FIELDS = frozenset({"contentType", "columnDelimiter", "lineEnding"})
_INGEST_FIELDS = _FORMAT_FIELDS | {"object", "operation", "externalIdFieldName", "assignmentRuleId"}
_QUERY_FIELDS = _FORMAT_FIELDS | {"operation", "query"}


def read_ingest_job(
    schema: OrgSchema, body: Mapping[str, Any], *, hard_delete_allowed: bool
) -> dict[str, Any]:
    """The facts of a new ingest job, by the names of `Job`.

    Raises:
        SalesforceError: 400, saying what is wrong.
    """
    _refuse_unknown(body, _INGEST_FIELDS)
    operation = _operation(body, INGEST_OPERATIONS)
    if operation == "hardDelete" and not hard_delete_allowed:
        raise hard_delete_refused()
    sobject = _object(schema, body)
    return {
        "operation": operation,
        "sobject": sobject.name,
        "external_id_field": external_id_field(sobject, operation, _text(body, "externalIdFieldName")),
        "assignment_rule_id": _assignment_rule(sobject, body),
        **_format(body),
    }


def read_query_job(body: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a new query job, by the names of `Job`; the SOQL isn't looked at.

    Raises:
        SalesforceError: 400, saying what is wrong.
    """
    _refuse_unknown(body, _QUERY_FIELDS)
    operation = _operation(body, QUERY_OPERATIONS)
    soql = _text(body, "query")
    if not soql or not soql.strip():
        raise SalesforceError("INVALIDJOB", "A query job needs a query")
    return {"operation": operation, "soql": soql, **_format(body)}


def read_state(body: Mapping[str, Any], allowed: tuple[str, ...]) -> str:
    """The state that a PATCH asks for."""
    _refuse_unknown(body, {"state"})
    state = _text(body, "state")
    if state not in allowed:
        message = f"A job can't be set to the state {state}: send {' or '.join(allowed)}"
        raise SalesforceError("INVALIDJOBSTATE", message)
    return state


def _refuse_unknown(body: Mapping[str, Any], known: Set[str]) -> None:
    for name in body:
        if name not in known:
            raise SalesforceError("JSON_PARSER_ERROR", f'Unrecognized field "{name}" at [line:1, column:1]')


def _text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise SalesforceError("JSON_PARSER_ERROR", f"Cannot deserialize instance of string for {name}")
    return value


def _operation(body: Mapping[str, Any], allowed: tuple[str, ...]) -> str:
    operation = _text(body, "operation")
    if operation not in allowed:
        message = f"The operation {operation} is not supported: send {', '.join(allowed)}"
        raise SalesforceError("INVALIDOPERATION", message)
    return operation


def _object(schema: OrgSchema, body: Mapping[str, Any]) -> ObjectSchema:
    return bulk_object(schema, _text(body, "object") or "")


def bulk_object(schema: OrgSchema, name: str) -> ObjectSchema:
    """The object of a job.

    Raises:
        SalesforceError: INVALIDENTITY, it is unknown or not for Bulk.
    """
    sobject = schema.find(name)
    if sobject is None:
        raise SalesforceError("INVALIDENTITY", f"Unable to find object: {name}")
    if not sobject.bulk_supported:
        raise SalesforceError("INVALIDENTITY", f"Entity '{sobject.name}' is not supported by the Bulk API.")
    return sobject


def hard_delete_refused() -> SalesforceError:
    """The user lacks the permission "Bulk API Hard Delete" ([I] code, status and text)."""
    message = (
        "hardDelete operation requires special user profile permission, "
        "please contact your system administrator"
    )
    return SalesforceError("FEATURENOTENABLED", message, status=403)


def external_id_field(sobject: ObjectSchema, operation: str, name: str | None) -> str | None:
    """The key field of an upsert as the schema spells it; None for any other operation.

    Raises:
        SalesforceError: INVALIDJOB, it is missing, unknown, or out of place.
    """
    if operation != "upsert":
        if name:
            raise SalesforceError("INVALIDJOB", "externalIdFieldName is for the upsert operation only")
        return None
    if not name:
        message = f"External ID was blank for {sobject.name}. An External ID must be specified for upsert."
        raise SalesforceError("INVALIDJOB", "InvalidJob : " + message)
    field = sobject.field(name)
    if field is None or not (field.is_key or field.type == "id"):
        message = (
            f"Field name provided, {name} does not match an External ID, Salesforce Id, "
            f"or indexed field for {sobject.name}"
        )
        raise SalesforceError("INVALIDJOB", "InvalidJob : " + message)
    return field.name


def _assignment_rule(sobject: ObjectSchema, body: Mapping[str, Any]) -> str | None:
    """The id of the rule; rules themselves aren't modelled: records keep the owner that they are given."""
    id_ = _text(body, "assignmentRuleId")
    if not id_:
        return None
    if sobject.name not in _ASSIGNABLE:
        message = f"An assignment rule can't be used with {sobject.name}: only with Case and Lead"
        raise SalesforceError("INVALIDJOB", "InvalidJob : " + message)
    if not (is_well_formed(id_) and to_18(id_).startswith(_ASSIGNMENT_RULE_PREFIX)):
        raise SalesforceError("INVALIDJOB", f"InvalidJob : The assignmentRuleId {id_} is not valid")
    return to_18(id_)


def _format(body: Mapping[str, Any]) -> dict[str, str]:
    if (_text(body, "contentType") or "CSV") != "CSV":
        raise SalesforceError("INVALIDJOB", "The contentType of a Bulk API 2.0 job is CSV")
    return {
        "column_delimiter": _choice(body, "columnDelimiter", DELIMITERS, "COMMA"),
        "line_ending": _choice(body, "lineEnding", LINE_ENDINGS, "LF"),
    }


def _choice(body: Mapping[str, Any], name: str, choices: Mapping[str, str], default: str) -> str:
    value = _text(body, name) or default
    if value not in choices:
        raise SalesforceError("INVALIDJOB", f"The {name} {value} is not one of {', '.join(choices)}")
    return value
