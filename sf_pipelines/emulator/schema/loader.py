"""Reads the org's schema from YAML: the shipped standard objects plus a user's file.

A file maps object names to their keys; `example.yaml` beside this module shows all of them with comments. An
object that exists gains the fields and rules; a name that ends in `__c` may be new, and gets Id, Name,
OwnerId and the audit fields by itself.

Keys of an object: `label`, `label_plural`, `key_prefix` and `name` (of a new object only; `name` is the label
of its Name field, or `{label, format}` for an auto-number), `fields`, `triggers`, `validation_rules`,
`duplicate_rules`, `change_events` (true selects the object for change events from the start).

Keys of a field: `type` (`text` when left out; or checkbox, number, currency, percent, int, date, datetime,
time, email, phone, url, long_text, picklist, multipicklist, lookup, master_detail, auto_number, formula; the
names of describe, such as string or reference, serve as well), `label`, `help`, `length` (characters),
`precision` and `scale` (all digits, and those after the point), `digits` (of an int), `required`, `unique`,
`external_id`, `case_sensitive`, `id_lookup`, `default`, `values` and `restricted` (picklists), `to`,
`relationship`, `children`, `on_delete` (references: clear, restrict or cascade), `reparentable`
(master_detail), `format` (auto_number), `formula` and `returns`, `read_only`, `create_only`.

Keys of a validation rule: `name`, `active`, `error_condition` (an SQL expression, expressions.py; true
refuses the record), `message`, `field` (where the message stands), `events` (create, update). A trigger has
the same but `field`, may also be asked at a delete, and refuses always when it has no condition. Keys of a
duplicate rule: `name`, `active`, `fields` (all must match, case and spaces aside), `action` (block or allow),
`message`.

Belongs here: merging, and the fields that every object has. Not here: YAML itself (yaml_lines.py), one
field's keys (field_keys.py), rules (rule_keys.py), checks of the whole (checks.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, cast

from sf_pipelines.emulator.schema.checks import check_schema
from sf_pipelines.emulator.schema.errors import SchemaError
from sf_pipelines.emulator.schema.fields import build_field, expand_address
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema, OrgSchema
from sf_pipelines.emulator.schema.rule_keys import (
    RULE_LISTS,
    build_duplicate_rule,
    build_record_rule,
    check_names,
)
from sf_pipelines.emulator.schema.rules import DuplicateRule, RecordRule
from sf_pipelines.emulator.schema.yaml_lines import Document, parse_yaml

_STANDARD = ("user", "account", "contact", "lead", "product", "opportunity", "case", "task", "campaign")
_RULE_KEYS = frozenset({*RULE_LISTS, "duplicate_rules"})
_OBJECT_KEYS = frozenset({"fields", "change_events", *_RULE_KEYS})
_NEW_OBJECT_KEYS = _OBJECT_KEYS | {"label", "label_plural", "key_prefix", "name"}
_STANDARD_KEYS = frozenset(
    {
        "label",
        "label_plural",
        "key_prefix",
        "fields",
        "createable",
        "deletable",
        "soft_delete",
        "bulk_supported",
    }
)
_PREFIX_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MAX_MASTERS = 2
_Raw = Mapping[str, Any]

_ID: dict[str, _Raw] = {"Id": {"type": "id", "read_only": True}}
_IS_DELETED: dict[str, _Raw] = {"IsDeleted": {"type": "boolean", "read_only": True, "label": "Deleted"}}
_OWNER: dict[str, _Raw] = {
    "OwnerId": {"type": "reference", "to": ["User", "Group"], "relationship": "Owner", "owner": True}
}
_AUDIT: dict[str, _Raw] = {
    "CreatedDate": {"type": "datetime", "audit": True},
    "CreatedById": {"type": "reference", "to": ["User"], "relationship": "CreatedBy", "audit": True},
    "LastModifiedDate": {"type": "datetime", "audit": True},
    "LastModifiedById": {
        "type": "reference",
        "to": ["User"],
        "relationship": "LastModifiedBy",
        "audit": True,
    },
    "SystemModstamp": {"type": "datetime", "audit": True},
}


def load_schema(extra: Path | None = None) -> OrgSchema:
    """The standard objects, plus the objects, fields and rules of `extra` (None: the shipped `custom.yaml`).

    Raises:
        SchemaError: the file isn't YAML of the documented form; the text names file, line and the mend.
        OSError: the file can't be read.
    """
    objects = {item.name: item for item in _standard()}
    if extra is None:
        document = parse_yaml(_shipped("custom.yaml"), "custom.yaml")
    else:
        document = parse_yaml(extra.read_text("utf-8"), str(extra))
    _merge(objects, document)
    schema = OrgSchema(objects=objects)
    check_schema(schema, document)
    return schema


def extended(schema: OrgSchema, additions: Mapping[str, Any], source: str) -> OrgSchema:
    """The schema with more objects, fields and rules, in the form of a schema file.

    Raises:
        SchemaError: the text names what is wrong, after `source`.
    """
    objects = dict(schema.objects)
    document = Document(source=source, content=additions, lines={})
    _merge(objects, document)
    larger = OrgSchema(objects=objects)
    check_schema(larger, document)
    return larger


def _shipped(*path: str) -> str:
    package = resources.files(__package__ or "sf_pipelines.emulator.schema")
    return package.joinpath(*path).read_text("utf-8")


@cache
def _standard() -> tuple[ObjectSchema, ...]:
    """The shipped objects, read once: most of a new org's cost."""
    documents = [parse_yaml(_shipped("standard", f"{name}.yaml"), f"{name}.yaml") for name in _STANDARD]
    return tuple(item for document in documents for item in _standard_objects(document))


def _standard_objects(document: Document) -> Iterable[ObjectSchema]:
    for name, raw in _mapping(document.content, document.source).items():
        _refuse_unknown(raw, _STANDARD_KEYS, name)
        soft_delete = bool(raw.get("soft_delete", True))
        own = _mapping(raw["fields"], f"{name}.fields")
        every = {**_ID, **(_IS_DELETED if soft_delete else {}), **own, **_AUDIT}
        yield ObjectSchema(
            name=name,
            label=str(raw["label"]),
            label_plural=str(raw["label_plural"]),
            key_prefix=str(raw["key_prefix"]),
            createable=bool(raw.get("createable", True)),
            updateable=bool(raw.get("createable", True)),
            deletable=bool(raw.get("deletable", True)),
            fields=_build(every, name, document),
        )


def _merge(objects: dict[str, ObjectSchema], document: Document) -> None:
    """Add the objects, fields and rules of the document to `objects`."""
    with document.at():
        raw_objects = _mapping(document.content, "The file")
    for name, raw in raw_objects.items():
        with document.at(name):
            keys = _mapping(raw, name)
            _refuse_unknown(keys, _OBJECT_KEYS if name in objects else _NEW_OBJECT_KEYS, name)
            own = _mapping(keys.get("fields") or {}, f"{name}.fields")
        for field in own:
            with document.at(name, "fields", field):
                _check_custom(objects.get(name), name, field)
        base = objects.get(name)
        if base is None:
            with document.at(name):
                base = _custom_object(name, keys, own, {item.key_prefix for item in objects.values()})
        fields = _with_masters(_build(own, name, document), name, document)
        with document.at(name, "change_events"):
            base = replace(base, change_events=_flag(keys, "change_events", base.change_events, name))
        objects[name] = _with_rules(_placed(base, fields), keys, document)


def _flag(keys: _Raw, name: str, default: bool, place: str) -> bool:
    value = keys.get(name, default)
    if not isinstance(value, bool):
        raise SchemaError(f"{place}.{name} is true or false, not {value!r}.")
    return value


def _placed(base: ObjectSchema, fields: tuple[FieldSchema, ...]) -> ObjectSchema:
    """`base` with its own fields: at the end, or before the audit fields of a new object."""
    if not base.custom:
        return replace(base, fields=base.fields + fields)
    head = tuple(field for field in base.fields if field.name not in _AUDIT)
    tail = tuple(field for field in base.fields if field.name in _AUDIT)
    return replace(base, fields=head + fields + tail)


def _check_custom(item: ObjectSchema | None, name: str, field: str) -> None:
    if not field.endswith("__c"):
        raise SchemaError(f"{name}.{field} isn't a custom field: its API name must end in '__c'.")
    if item is not None and item.field(field):
        raise SchemaError(f"{name}.{field} exists already: choose another API name.")


def _build(raw_fields: Mapping[str, Any], place: str, document: Document) -> tuple[FieldSchema, ...]:
    built: list[FieldSchema] = []
    for name, raw in raw_fields.items():
        with document.at(place, "fields", name):
            keys = _mapping(raw or {}, f"{place}.{name}")
            if keys.get("type") == "address":
                built.extend(expand_address(name, keys, place))
            else:
                built.append(build_field(name, keys, place))
    return tuple(built)


def _with_masters(fields: tuple[FieldSchema, ...], place: str, document: Document) -> tuple[FieldSchema, ...]:
    """Number the master-detail fields; an object has two at most, and a standard object none."""
    masters = [field for field in fields if field.is_master_detail]
    if len(masters) > (_MAX_MASTERS if place.endswith("__c") else 0):
        with document.at(place, "fields", masters[-1].name):
            raise SchemaError(
                f"{place}.{masters[-1].name}: a custom object has at most two master-detail fields, and a "
                "standard object none; make it a lookup with `on_delete`."
            )
    return tuple(
        replace(field, relationship_order=masters.index(field)) if field.is_master_detail else field
        for field in fields
    )


def _with_rules(item: ObjectSchema, keys: _Raw, document: Document) -> ObjectSchema:
    fields = {field.name.lower(): field for field in item.fields}
    record_rules: list[RecordRule] = []
    duplicate_rules: list[DuplicateRule] = []
    for key in (*RULE_LISTS, "duplicate_rules"):
        for index, raw in enumerate(_items(keys, key, item.name, document)):
            with document.at(item.name, key, index):
                if key in RULE_LISTS:
                    record_rules.append(build_record_rule(RULE_LISTS[key], raw, fields, item.name))
                else:
                    duplicate_rules.append(build_duplicate_rule(raw, fields, item.name))
    with document.at(item.name):
        check_names(record_rules, item.name)
        check_names(duplicate_rules, item.name)
    return replace(
        item,
        record_rules=tuple(rule for rule in record_rules if rule.is_active),
        duplicate_rules=tuple(rule for rule in duplicate_rules if rule.is_active),
    )


def _items(keys: _Raw, key: str, place: str, document: Document) -> list[object]:
    raw = keys.get(key) or []
    if not isinstance(raw, list):
        with document.at(place, key):
            raise SchemaError(
                f"{place}.{key} must be a list of rules, each of them beginning with '- name:'."
            )
    return cast("list[object]", raw)


def _custom_object(name: str, raw: _Raw, own: Mapping[str, Any], taken: set[str]) -> ObjectSchema:
    if not name.endswith("__c"):
        raise SchemaError(
            f"{name} isn't an object of this org: a custom object's API name must end in '__c'."
        )
    prefix = str(raw.get("key_prefix") or _free_prefix(taken))
    if len(prefix) != 3 or not prefix.isalnum() or not prefix.isascii() or prefix in taken:
        raise SchemaError(
            f"{name}: the key prefix '{prefix}' is taken or isn't three letters or digits (in quotes)."
        )
    label = str(raw.get("label", name.removesuffix("__c").replace("_", " ")))
    has_master = any(
        isinstance(field, dict) and field.get("type") == "master_detail" for field in own.values()
    )
    every = {**_ID, **_IS_DELETED, "Name": _name_field(name, raw), **({} if has_master else _OWNER), **_AUDIT}
    return ObjectSchema(
        name=name,
        label=label,
        label_plural=str(raw.get("label_plural", label + "s")),
        key_prefix=prefix,
        custom=True,
        fields=tuple(build_field(field, keys, name) for field, keys in every.items()),
    )


def _name_field(place: str, raw: _Raw) -> _Raw:
    """The Name of a custom object: text, or an auto-number by `name: {format: ...}`."""
    given = raw.get("name") or {}
    keys = {"label": given} if isinstance(given, str) else _mapping(given, f"{place}.name")
    _refuse_unknown(keys, frozenset({"label", "format"}), f"{place}.name")
    if "format" in keys:
        return {**keys, "type": "auto_number", "length": 80, "name_field": True, "id_lookup": True}
    return {**keys, "type": "string", "length": 80, "name_field": True}


def _free_prefix(taken: set[str]) -> str:
    for number in range(36 * 36):
        prefix = "a" + _PREFIX_DIGITS[number // 36] + _PREFIX_DIGITS[number % 36]
        if prefix not in taken:
            return prefix
    raise SchemaError("The org has no free key prefix left for a custom object.")


def _mapping(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SchemaError(f"{place} must be a mapping of names to keys, not {type(value).__name__}.")
    return {str(key): item for key, item in cast("dict[object, Any]", value).items()}


def _refuse_unknown(raw: _Raw, known: frozenset[str], place: str) -> None:
    unknown = set(raw) - known
    if unknown:
        raise SchemaError(f"{place} has unknown keys {sorted(unknown)}; known: {sorted(known)}.")
