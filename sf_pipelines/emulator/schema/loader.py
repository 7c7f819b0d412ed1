"""Reads the org's schema from YAML: the shipped standard objects plus a user's file.

A file maps object names to `{label, label_plural, key_prefix, fields}`; `fields` maps API names to field
keys: `type` (string when left out), `label`, `length`, `precision`, `scale`, `digits`, `required`, `unique`,
`external_id`, `case_sensitive`, `id_lookup`, `default`, `values` and `restricted` (picklists), `to`,
`relationship`, `children` and `cascade_delete` (references), `read_only`, `create_only`. An object that
exists gains the fields; a name that ends in `__c` may be new, and gets Id, Name, OwnerId and the audit fields
by itself.

Belongs here: YAML to files' raw mappings, merging, the standard and audit fields. Not here: one field's rules
(fields.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, cast

import yaml

from sf_pipelines.emulator.schema.fields import SchemaError, build_field, expand_address
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema, OrgSchema

_STANDARD = ("user", "account", "contact", "lead", "opportunity")
_OBJECT_KEYS = frozenset(
    {"label", "label_plural", "key_prefix", "fields", "deletable", "soft_delete", "bulk_supported"}
)
_FIRST_CUSTOM_PREFIX = 0
_PREFIX_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_Raw = Mapping[str, Any]

_ID: dict[str, _Raw] = {"Id": {"type": "id", "read_only": True}}
_IS_DELETED: dict[str, _Raw] = {"IsDeleted": {"type": "boolean", "read_only": True, "label": "Deleted"}}
_CUSTOM: dict[str, _Raw] = {
    "OwnerId": {"type": "reference", "to": ["User", "Group"], "relationship": "Owner", "owner": True},
    "Name": {"type": "string", "length": 80, "name_field": True},
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
    """The standard objects, plus the objects and fields of `extra` (the shipped `custom.yaml` when None).

    Raises:
        SchemaError: the file isn't YAML of the documented form; the text names the place and the mend.
        OSError: the file can't be read.
    """
    package = resources.files(__package__ or "sf_pipelines.emulator.schema")
    objects: dict[str, ObjectSchema] = {}
    for name in _STANDARD:
        text = package.joinpath("standard", f"{name}.yaml").read_text("utf-8")
        objects.update(_standard_objects(_parse(text, name)))
    if extra is None:
        _merge(objects, _parse(package.joinpath("custom.yaml").read_text("utf-8"), "custom.yaml"))
    else:
        _merge(objects, _parse(extra.read_text("utf-8"), str(extra)))
    schema = OrgSchema(objects=objects)
    _check_references(schema)
    return schema


def _parse(text: str, source: str) -> dict[str, _Raw]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        parsed: object = yaml.load(text, Loader=loader)
    except yaml.YAMLError as err:
        raise SchemaError(f"{source} isn't valid YAML: {err}") from err
    objects = _mapping(parsed or {}, source)
    for name, raw in objects.items():
        unknown = set(_mapping(raw, f"{source}: {name}")) - _OBJECT_KEYS
        if unknown:
            raise SchemaError(
                f"{source}: {name} has unknown keys {sorted(unknown)}; known: {sorted(_OBJECT_KEYS)}."
            )
    return objects


def _mapping(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SchemaError(f"{place} must be a mapping of names to keys, not {type(value).__name__}.")
    return {str(key): item for key, item in cast("dict[object, Any]", value).items()}


def _standard_objects(raw_objects: Mapping[str, _Raw]) -> dict[str, ObjectSchema]:
    return {
        name: ObjectSchema(
            name=name,
            label=str(raw["label"]),
            label_plural=str(raw["label_plural"]),
            key_prefix=str(raw["key_prefix"]),
            deletable=bool(raw.get("deletable", True)),
            bulk_supported=bool(raw.get("bulk_supported", True)),
            fields=_fields(raw["fields"], name, soft_delete=bool(raw.get("soft_delete", True))),
        )
        for name, raw in raw_objects.items()
    }


def _fields(raw_fields: object, place: str, *, soft_delete: bool) -> tuple[FieldSchema, ...]:
    own = _mapping(raw_fields or {}, f"{place}.fields")
    every: dict[str, Any] = {**_ID, **(_IS_DELETED if soft_delete else {}), **own, **_AUDIT}
    return _build(every, place)


def _build(raw_fields: Mapping[str, Any], place: str) -> tuple[FieldSchema, ...]:
    built: list[FieldSchema] = []
    for name, raw in raw_fields.items():
        keys = _mapping(raw or {}, f"{place}.{name}")
        if keys.get("type") == "address":
            built.extend(expand_address(name, keys, place))
        else:
            built.append(build_field(name, keys, place))
    return tuple(built)


def _merge(objects: dict[str, ObjectSchema], extra: Mapping[str, _Raw]) -> None:
    """Add the custom objects and fields of `extra` to `objects`."""
    for name, raw in extra.items():
        own = _mapping(raw.get("fields") or {}, f"{name}.fields")
        wrong = [field for field in own if not field.endswith("__c")]
        if wrong:
            raise SchemaError(f"{name}.{wrong[0]} isn't a custom field: its API name must end in '__c'.")
        if name in objects:
            objects[name] = _extended(objects[name], _build(own, name))
        else:
            objects[name] = _custom_object(
                name, raw, own, taken={item.key_prefix for item in objects.values()}
            )


def _extended(item: ObjectSchema, fields: tuple[FieldSchema, ...]) -> ObjectSchema:
    twice = [field.name for field in fields if item.field(field.name)]
    if twice:
        raise SchemaError(f"{item.name}.{twice[0]} exists already: choose another API name.")
    return replace(item, fields=item.fields + fields)


def _custom_object(name: str, raw: _Raw, own: Mapping[str, Any], *, taken: set[str]) -> ObjectSchema:
    if not name.endswith("__c"):
        raise SchemaError(
            f"{name} isn't an object of this org: a custom object's API name must end in '__c'."
        )
    prefix = str(raw.get("key_prefix") or _free_prefix(taken))
    if len(prefix) != 3 or prefix in taken:
        raise SchemaError(f"{name}: the key prefix '{prefix}' is taken or isn't three characters.")
    label = str(raw.get("label", name.removesuffix("__c").replace("_", " ")))
    return ObjectSchema(
        name=name,
        label=label,
        label_plural=str(raw.get("label_plural", label + "s")),
        key_prefix=prefix,
        custom=True,
        fields=_fields({**_CUSTOM, **own}, name, soft_delete=True),
    )


def _free_prefix(taken: set[str]) -> str:
    for number in range(_FIRST_CUSTOM_PREFIX, 36 * 36):
        prefix = "a" + _PREFIX_DIGITS[number // 36] + _PREFIX_DIGITS[number % 36]
        if prefix not in taken:
            return prefix
    raise SchemaError("The org has no free key prefix left for a custom object.")


def _check_references(schema: OrgSchema) -> None:
    """A custom reference must point at an object of the org; standard ones may name others."""
    for item in schema.objects.values():
        for reference in item.fields:
            missing = [name for name in reference.reference_to if schema.find(name) is None]
            if reference.custom and missing:
                raise SchemaError(
                    f"{item.name}.{reference.name} refers to {missing[0]}, which isn't in the schema."
                )
