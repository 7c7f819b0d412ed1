"""The row errors of DML, each with Salesforce's own code and text (salesforce-api.md section 3.5).

Belongs here: one maker for each error, so that a text exists once. Not here: when it applies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.json_types import cannot_deserialize
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema
from sf_pipelines.emulator.schema.rules import DuplicateRule, Event, LookupFilter, RecordRule

# Section 3.5. Orgs of v51 and v56 were seen to write "duplicateResut".
DUPLICATE_RESULT = "duplicateResult"


def no_such_column(name: str, item: ObjectSchema) -> SalesforceError:
    """A record names a field that the object doesn't have."""
    return SalesforceError(
        "INVALID_FIELD", f"No such column '{name}' on sobject of type {item.name}", fields=()
    )


def not_writable(names: Sequence[str]) -> SalesforceError:
    """A record writes read-only fields."""
    message = (
        f"Unable to create/update fields: {', '.join(names)}. Please check the security settings of this "
        "field and verify that it is read/write for your profile or permission set."
    )
    return SalesforceError("INVALID_FIELD_FOR_INSERT_UPDATE", message, fields=names)


def id_in_insert() -> SalesforceError:
    """A record to create has an Id."""
    return SalesforceError(
        "INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", fields=["Id"]
    )


def required_missing(names: Sequence[str]) -> SalesforceError:
    """Required fields are absent or null."""
    message = f"Required fields are missing: [{', '.join(names)}]"
    return SalesforceError("REQUIRED_FIELD_MISSING", message, fields=names)


def wrong_json_type(field: FieldSchema, value: Any) -> SalesforceError:
    """A JSON value can't be read as the field's type."""
    message = cannot_deserialize(field.type, value)
    return SalesforceError("JSON_PARSER_ERROR", message, fields=[field.name])


def wrong_value_type(field: FieldSchema, value: Any) -> SalesforceError:
    """A value that JSON allows and the field doesn't, such as null for a checkbox."""
    shown = "" if value is None else value
    return SalesforceError(
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        f"{field.label}: value not of required type: {shown}",
        fields=[field.name],
    )


def too_long(field: FieldSchema, value: str) -> SalesforceError:
    """Text beyond the field's length (in characters)."""
    message = f"{field.label}: data value too large: {value} (max length={field.length})"
    return SalesforceError("STRING_TOO_LONG", message, fields=[field.name])


def out_of_range(field: FieldSchema, value: Any) -> SalesforceError:
    """A number with more digits than the field holds."""
    message = f"{field.label}: value outside of valid range on numeric field: {value}"
    return SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", message, fields=[field.name])


def date_out_of_range(field: FieldSchema, value: str) -> SalesforceError:
    """A date or dateTime outside the years that an org stores ([I] code)."""
    message = f"{field.label}: invalid date: {value}"
    return SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", message, fields=[field.name])


def bad_picklist_value(field: FieldSchema, value: str) -> SalesforceError:
    """A value that a restricted picklist doesn't have."""
    message = f"{field.label}: bad value for restricted picklist field: {value}"
    return SalesforceError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, fields=[field.name])


def bad_email(field: FieldSchema, value: str) -> SalesforceError:
    """Text that isn't an address."""
    message = f"{field.label}: invalid email address: {value}"
    return SalesforceError("INVALID_EMAIL_ADDRESS", message, fields=[field.name])


def malformed_reference(field: FieldSchema, value: str) -> SalesforceError:
    """Text that isn't an id, in a reference field."""
    message = f"{field.label}: id value of incorrect type: {value}"
    return SalesforceError("MALFORMED_ID", message, fields=[field.name])


def wrong_reference_type(field: FieldSchema, value: str) -> SalesforceError:
    """The id of an object that the reference doesn't point at."""
    message = f"{field.label}: id value of incorrect type: {value}"
    return SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, fields=[field.name])


def malformed_own_id(item: ObjectSchema, value: Any) -> SalesforceError:
    """The id of the record itself isn't an id of its object."""
    message = f"{item.label} ID: id value of incorrect type: {value}"
    return SalesforceError("MALFORMED_ID", message, fields=["Id"])


def id_missing_in_update() -> SalesforceError:
    """A record to update has no id ([R])."""
    return SalesforceError("MISSING_ARGUMENT", "Id not specified in an update call", fields=())


def key_missing_in_upsert(field: FieldSchema) -> SalesforceError:
    """A record to upsert has no value in the key field."""
    return SalesforceError("MISSING_ARGUMENT", f"{field.name} not specified", fields=())


def unknown_id() -> SalesforceError:
    """An id of the right form that no record has."""
    return SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=())


def entity_is_deleted() -> SalesforceError:
    """The record is in the recycle bin. The status is that of a REST row call ([R] AMP)."""
    return SalesforceError("ENTITY_IS_DELETED", "entity is deleted", status=404, fields=())


def duplicate_value(field: FieldSchema, other_id: str) -> SalesforceError:
    """A unique field's value is on another record."""
    message = f"duplicate value found: {field.name} duplicates value on record with id: {other_id}"
    return SalesforceError("DUPLICATE_VALUE", message, fields=())


def duplicate_in_upsert(value: Any) -> SalesforceError:
    """Several records of one upsert call have the same key."""
    return SalesforceError("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", fields=())


def several_match(field: FieldSchema, ids: Sequence[str]) -> SalesforceError:
    """Several records of the org have the key."""
    message = f"{field.name}: more than one record found for external id field: [{', '.join(ids)}]"
    return SalesforceError("DUPLICATE_EXTERNAL_ID", message, fields=[field.name])


def parent_not_found(value: Any, field: FieldSchema, parent: ObjectSchema) -> SalesforceError:
    """No parent has the external id ([I] text)."""
    message = f"Foreign key external ID: {value} not found for field {field.name} in entity {parent.name}"
    return SalesforceError("INVALID_FIELD", message, fields=())


def parents_found(value: Any, field: FieldSchema, parent: ObjectSchema) -> SalesforceError:
    """Several parents have the external id ([I] text)."""
    message = (
        f"More than one record found for external id {value} of field {field.name} in entity {parent.name}"
    )
    return SalesforceError("INVALID_FIELD", message, fields=())


def no_such_parent(reference: FieldSchema) -> SalesforceError:
    """A nested parent of an object that the reference doesn't point at, or that the org doesn't have."""
    message = f"{reference.name} refers to an object that this org doesn't have"
    return SalesforceError("INVALID_FIELD", message, fields=[reference.name])


def not_a_key(name: str, parent: ObjectSchema) -> SalesforceError:
    """A parent look-up by a field that isn't a key."""
    message = f"Field name provided, {name} is not an External ID or indexed field for {parent.name}"
    return SalesforceError("INVALID_FIELD", message, fields=())


def rolled_back() -> SalesforceError:
    """A good row of an all-or-none call that failed elsewhere ([R] AMP)."""
    message = (
        "Record rolled back because not all records were valid and the request was using AllOrNone header"
    )
    return SalesforceError("ALL_OR_NONE_OPERATION_ROLLED_BACK", message, fields=())


def cannot_delete(item: ObjectSchema) -> SalesforceError:
    """The object doesn't allow deletes ([I] text)."""
    return SalesforceError(
        "INVALID_TYPE_FOR_OPERATION", f"entity type cannot be deleted: {item.name}", fields=()
    )


def filter_refused(field: FieldSchema, lookup_filter: LookupFilter) -> SalesforceError:
    """A look-up names a record that its filter leaves out."""
    code = "FIELD_FILTER_VALIDATION_EXCEPTION"
    return SalesforceError(code, lookup_filter.message, fields=[field.name])


def validation_failed(rule: RecordRule) -> SalesforceError:
    """A validation rule's condition is true for the record."""
    fields = () if rule.field is None else (rule.field,)
    return SalesforceError("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, fields=fields)


def trigger_failed(rule: RecordRule, event: Event) -> SalesforceError:
    """Apex that ended with an exception, in the words of an org ([I] place of the exception)."""
    moment = {"create": "BeforeInsert", "update": "BeforeUpdate", "delete": "BeforeDelete"}[event]
    message = (
        f"{rule.name}: execution of {moment}\n\ncaused by: {rule.message}\n\n"
        f"Trigger.{rule.name}: line 1, column 1"
    )
    return SalesforceError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, fields=())


def rule_unreadable(rule: RecordRule, reason: str) -> SalesforceError:
    """The condition of a rule fails on the record's values, as by an overflow."""
    message = f"The formula of {rule.name} can't be evaluated: {reason}"
    return SalesforceError("FIELD_CUSTOM_VALIDATION_EXCEPTION", message, fields=())


def duplicates_detected(
    rule: DuplicateRule, sobject: str, ids: Sequence[str], data_url: str
) -> SalesforceError:
    """Records of the org match by a duplicate rule ([R] keys, section 3.5)."""
    records = [
        {
            "additionalInformation": [],
            "fieldDiffs": [],
            "matchConfidence": 100.0,
            "record": {
                "attributes": {"type": sobject, "url": f"{data_url}/sobjects/{sobject}/{id_}"},
                "Id": id_,
            },
        }
        for id_ in ids
    ]
    match = {
        "entityType": sobject,
        "errors": [],
        "matchEngine": "ExactMatchEngine",
        "matchRecords": records,
        "rule": rule.name,
        "size": len(records),
        "success": True,
    }
    result = {
        "allowSave": rule.action == "allow",
        "duplicateRule": rule.name,
        "duplicateRuleEntityType": sobject,
        "errorMessage": rule.message,
        "matchResults": [match],
    }
    return SalesforceError("DUPLICATES_DETECTED", rule.message, details={DUPLICATE_RESULT: result})


def delete_restricted(name: str, children: str, names: Sequence[str]) -> SalesforceError:
    """Children that must not lose their parent hold a delete back ([R] text)."""
    message = (
        f"Your attempt to delete {name} could not be completed because it is associated with the following "
        f"{children}.: {', '.join(names)}\n"
    )
    return SalesforceError("DELETE_FAILED", message, fields=())


def undelete_failed() -> SalesforceError:
    """The record isn't in the recycle bin by itself, or its parent still is ([I] text)."""
    return SalesforceError("UNDELETE_FAILED", "Entity is not in the recycle bin", fields=())


def field_integrity(field: str, reason: str) -> SalesforceError:
    """Values that contradict each other ([R] form of the text)."""
    message = f"field integrity exception: {field} ({reason})"
    return SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, fields=() if field == "unknown" else [field])


def id_beside_key(key: FieldSchema) -> SalesforceError:
    """A record to upsert by an external id has an Id as well ([D] RESTG: refused)."""
    message = f"The Id field should not be specified in the sobject data when upserting by {key.name}."
    return SalesforceError("INVALID_FIELD", message, fields=["Id"])
