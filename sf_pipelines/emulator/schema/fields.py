"""One field's raw keys to a FieldSchema.

Belongs here: the defaults that follow from a type, and the checks of one field's keys. Not here: objects and
files (loader.py). Imports model.py only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast, get_args

from sf_pipelines.emulator.schema.model import (
    ADDRESS_PARTS,
    NUMBER_TYPES,
    TEXT_TYPES,
    DefaultBy,
    FieldSchema,
    FieldType,
    PicklistValue,
)

_LENGTHS = {"id": 18, "reference": 18, "string": 255, "textarea": 255, "picklist": 255, "multipicklist": 4099,
            "combobox": 255, "email": 80, "url": 255, "phone": 40}  # fmt: skip
_DEFAULT_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "int": (int,),
    **dict.fromkeys(("double", "currency", "percent"), (int, float)),
    **dict.fromkeys(TEXT_TYPES, (str,)),
}
_KEYS = frozenset(
    {"type", "label", "length", "precision", "scale", "digits", "required", "unique",
     "external_id", "case_sensitive", "id_lookup", "default", "default_by", "values", "restricted", "to",
     "relationship", "children", "cascade_delete", "read_only", "create_only", "name_field", "part_of",
     "owner", "audit", "derived"}
)  # fmt: skip
_INTERNAL_KEYS = frozenset({"default_by", "name_field", "part_of", "owner", "audit", "derived"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_FILTERABLE_TEXTAREA_CHARS = 255
_UNGROUPABLE = frozenset({"double", "currency", "percent", "datetime", "time", "address", "multipicklist"})
_GEOCODE_ACCURACY = ("Address", "NearAddress", "Block", "Street", "ExtendedZip", "Zip", "Neighborhood",
                     "City", "County", "State", "Unknown")  # fmt: skip
_ADDRESS_KEYS: dict[str, dict[str, Any]] = {
    "Street": {"type": "textarea", "length": 255},
    "City": {"length": 40},
    "State": {"length": 80},
    "PostalCode": {"length": 20},
    "Country": {"length": 80},
    "Latitude": {"type": "double", "precision": 18, "scale": 15},
    "Longitude": {"type": "double", "precision": 18, "scale": 15},
    "GeocodeAccuracy": {"type": "picklist", "restricted": True, "values": list(_GEOCODE_ACCURACY)},
}


class SchemaError(ValueError):
    """A schema file that can't be used. The text names the object or field, and the mend."""


def build_field(name: str, raw: Mapping[str, Any], place: str, *, compound: str | None = None) -> FieldSchema:
    """The field `name` of object `place` from its raw keys.

    Raises:
        SchemaError: a key is unknown, or the keys contradict each other.
    """
    where = f"{place}.{name}"
    kind = _check(name, raw, where)
    derived = raw.get("derived")
    writable = not (raw.get("read_only") or raw.get("audit") or derived)
    custom = name.endswith("__c")
    filled = kind in ("id", "boolean") or bool(raw.get("audit") or raw.get("owner"))
    can_filter = kind != "textarea" or _length(raw, kind) <= _FILTERABLE_TEXTAREA_CHARS
    return FieldSchema(
        name=name,
        label=str(raw.get("label", _label(name))),
        type=kind,
        length=_length(raw, kind),
        precision=int(raw.get("precision", 18)) if kind in NUMBER_TYPES and kind != "int" else 0,
        scale=int(raw.get("scale", 0)) if kind in NUMBER_TYPES and kind != "int" else 0,
        digits=int(raw.get("digits", 9)) if kind == "int" else 0,
        nillable=not (raw.get("required") or filled),
        createable=writable,
        updateable=writable and not raw.get("create_only"),
        defaulted_on_create=filled or raw.get("default") is not None,
        default_value=raw.get("default", False if kind == "boolean" and not derived else None),
        default_by=_default_by(raw),
        custom=custom,
        external_id=bool(raw.get("external_id")),
        id_lookup=bool(raw.get("id_lookup") or raw.get("external_id") or kind == "id"),
        unique=bool(raw.get("unique")),
        case_sensitive=bool(raw.get("case_sensitive")),
        name_field=bool(raw.get("name_field")),
        reference_to=tuple(str(target) for target in raw.get("to", ())),
        relationship_name=_relationship(name, raw),
        child_relationship_name=raw.get("children"),
        cascade_delete=bool(raw.get("cascade_delete")),
        compound_field_name=compound or raw.get("part_of"),
        picklist_values=_picklist(raw),
        restricted_picklist=bool(raw.get("restricted")),
        filterable=can_filter,
        sortable=can_filter and kind != "multipicklist",
        groupable=can_filter and kind not in _UNGROUPABLE,
        derived=str(derived) if derived else None,
    )


def expand_address(name: str, raw: Mapping[str, Any], place: str) -> list[FieldSchema]:
    """The components of the compound address `name`, then the compound itself ([R] CCI Account)."""
    if name.endswith("__c"):
        raise SchemaError(
            f"{place}.{name}: custom address fields aren't supported; add the components one by one."
        )
    prefix = name.removesuffix("Address")
    parts = [build_field(prefix + part, _ADDRESS_KEYS[part], place, compound=name) for part in ADDRESS_PARTS]
    compound = FieldSchema(
        name=name,
        label=str(raw.get("label", _label(name))),
        type="address",
        createable=False,
        updateable=False,
        components=tuple(part.name for part in parts),
        sortable=False,
        groupable=False,
    )
    return [*parts, compound]


def _check(name: str, raw: Mapping[str, Any], where: str) -> FieldType:
    unknown = set(raw) - _KEYS
    if name.endswith("__c"):
        unknown |= set(raw) & _INTERNAL_KEYS
    if unknown:
        raise SchemaError(
            f"{where} has unknown keys {sorted(unknown)}; known: {sorted(_KEYS - _INTERNAL_KEYS)}."
        )
    kind = str(raw.get("type", "string"))
    if kind not in get_args(FieldType):
        raise SchemaError(f"{where} has the unknown type '{kind}'; known: {', '.join(get_args(FieldType))}.")
    if not _NAME.fullmatch(name):
        raise SchemaError(
            f"{where}: an API name has letters, digits and underscores, and starts with a letter."
        )
    _check_type_keys(raw, kind, where)
    return cast("FieldType", kind)


def _check_type_keys(raw: Mapping[str, Any], kind: str, where: str) -> None:
    if kind == "reference" and not raw.get("to"):
        raise SchemaError(f"{where} is a reference without a target: add `to: [SomeObject]`.")
    if kind in ("picklist", "multipicklist") and not raw.get("values"):
        raise SchemaError(f"{where} is a picklist without values: add `values: [...]`.")
    if raw.get("default") is not None and not isinstance(raw["default"], _DEFAULT_TYPES.get(kind, ())):
        raise SchemaError(f"{where}: the default of a {kind} can't be {raw['default']!r}.")
    if raw.get("external_id") and kind not in ("string", "email", "int", "double"):
        raise SchemaError(f"{where}: an external id is a string, email, int or double, not a {kind}.")
    if raw.get("unique") and kind not in ("string", "email", "int", "double"):
        raise SchemaError(f"{where}: only a string, email, int or double can be unique, not a {kind}.")


def _length(raw: Mapping[str, Any], kind: str) -> int:
    return int(raw.get("length", _LENGTHS.get(kind, 0))) if kind in TEXT_TYPES or kind in _LENGTHS else 0


def _label(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.removesuffix("__c").replace("_", " "))
    return words.removesuffix(" Id") + " ID" if words.endswith(" Id") else words


def _relationship(name: str, raw: Mapping[str, Any]) -> str | None:
    if raw.get("relationship"):
        return str(raw["relationship"])
    return name.removesuffix("__c") + "__r" if raw.get("to") and name.endswith("__c") else None


def _default_by(raw: Mapping[str, Any]) -> DefaultBy | None:
    rule = raw.get("default_by")
    return DefaultBy(field=str(rule["field"]), values=dict(rule["values"])) if rule else None


def _picklist(raw: Mapping[str, Any]) -> tuple[PicklistValue, ...]:
    default = raw.get("default")
    return tuple(
        PicklistValue(value=str(value), label=str(value), default=value == default)
        for value in raw.get("values", ())
    )
