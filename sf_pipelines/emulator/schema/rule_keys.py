"""The rules of a schema file: triggers, validation rules and duplicate rules of one object.

Belongs here: their keys, and the checks that need only the object. Not here: checks of expressions against
the table (checks.py). Imports errors, model, rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from sf_pipelines.emulator.schema.errors import SchemaError
from sf_pipelines.emulator.schema.model import TEXT_TYPES, FieldSchema
from sf_pipelines.emulator.schema.rules import DuplicateRule, Event, RecordRule, RuleKind

RULE_LISTS: Mapping[str, RuleKind] = {"triggers": "trigger", "validation_rules": "validation"}
"""The keys of an object that hold record rules, in the order in which Salesforce asks them."""
_RECORD_RULE_KEYS: Mapping[RuleKind, frozenset[str]] = {
    "validation": frozenset({"name", "active", "error_condition", "message", "field", "events"}),
    "trigger": frozenset({"name", "active", "error_condition", "message", "events"}),
}
_EVENTS: Mapping[RuleKind, tuple[Event, ...]] = {
    "validation": ("create", "update"),
    "trigger": get_args(Event),
}
_DUPLICATE_RULE_KEYS = frozenset({"name", "active", "fields", "action", "message"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_MATCHED_TYPES = frozenset({*TEXT_TYPES, "date", "reference"})
Fields = Mapping[str, FieldSchema]
"""The object's fields by their names in lower case."""


def build_record_rule(kind: RuleKind, raw: object, fields: Fields, place: str) -> RecordRule:
    """The trigger or validation rule of one list item.

    Raises:
        SchemaError: a key is unknown, missing or wrong.
    """
    keys, name = _keys(raw, _RECORD_RULE_KEYS[kind], place)
    condition, message = (
        keys.get("error_condition", "true" if kind == "trigger" else None),
        keys.get("message"),
    )
    if not isinstance(condition, str) or not condition.strip():
        raise SchemaError(
            f"{place}.{name} needs 'error_condition', an SQL expression that is true for bad records."
        )
    if not isinstance(message, str) or not message:
        raise SchemaError(f"{place}.{name} needs 'message', the text that the caller reads.")
    return RecordRule(
        kind=kind,
        name=name,
        is_active=keys.get("active", True),
        condition=condition,
        message=message,
        field=_field(keys["field"], fields, f"{place}.{name}") if keys.get("field") is not None else None,
        events=_events(kind, keys.get("events", ["create", "update"]), f"{place}.{name}"),
    )


def build_duplicate_rule(raw: object, fields: Fields, place: str) -> DuplicateRule:
    """The duplicate rule of one list item.

    Raises:
        SchemaError: a key is unknown, missing or wrong.
    """
    keys, name = _keys(raw, _DUPLICATE_RULE_KEYS, place)
    where = f"{place}.{name}"
    named, action = keys.get("fields"), keys.get("action", "block")
    if not isinstance(named, list) or not named:
        raise SchemaError(f"{where} needs 'fields', the list of fields that must all match.")
    if action not in ("block", "allow"):
        raise SchemaError(f"{where}: 'action' is block or allow, not {action!r}.")
    message = keys.get("message", "Use one of these records?")
    if not isinstance(message, str):
        raise SchemaError(f"{where}: 'message' must be text.")
    matched = tuple(_field(one, fields, where) for one in cast("list[object]", named))
    for one in matched:
        if fields[one.lower()].type not in _MATCHED_TYPES or fields[one.lower()].derived:
            raise SchemaError(f"{where}: {one} can't be matched; name fields of text, dates or look-ups.")
    return DuplicateRule(
        name=name, fields=matched, action=action, message=message, is_active=keys.get("active", True)
    )


def check_names(rules: Sequence[RecordRule | DuplicateRule], place: str) -> None:
    """Refuse two rules of one object with one name.

    Raises:
        SchemaError: there are two.
    """
    names = [rule.name.lower() for rule in rules]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SchemaError(f"{place} has two rules named '{twice}'; rename one.")


def _keys(raw: object, known: frozenset[str], place: str) -> tuple[dict[str, Any], str]:
    if not isinstance(raw, dict):
        raise SchemaError(f"{place}: a rule is a mapping of {', '.join(sorted(known))}, not {raw!r}.")
    keys = {str(key): value for key, value in cast("dict[object, Any]", raw).items()}
    unknown = set(keys) - known
    if unknown:
        raise SchemaError(f"{place}: a rule has unknown keys {sorted(unknown)}; known: {sorted(known)}.")
    name = keys.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SchemaError(f"{place}: a rule needs a 'name' of letters, digits and underscores, not {name!r}.")
    if not isinstance(keys.get("active", True), bool):
        raise SchemaError(f"{place}.{name}: 'active' must be true or false.")
    return keys, name


def _field(name: object, fields: Fields, where: str) -> str:
    found = fields.get(name.lower()) if isinstance(name, str) else None
    if found is None:
        raise SchemaError(f"{where} names the field {name!r}, which the object doesn't have.")
    return found.name


def _events(kind: RuleKind, raw: object, where: str) -> frozenset[Event]:
    wanted = cast("list[object]", raw) if isinstance(raw, list) else [raw]
    known = _EVENTS[kind]
    if not wanted or any(event not in known for event in wanted):
        raise SchemaError(f"{where}: 'events' lists one or more of {', '.join(known)}, not {raw!r}.")
    return frozenset(cast("list[Event]", wanted))
