"""One field's raw keys to a FieldSchema.

Belongs here: the defaults that follow from a type. Not here: checks of keys (field_keys.py), objects and
files (loader.py). Imports the modules named and model.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from sf_pipelines.emulator.schema.errors import SchemaError
from sf_pipelines.emulator.schema.expressions import FORMULA_TEXT_CHARS, guarded
from sf_pipelines.emulator.schema.field_keys import check_keys
from sf_pipelines.emulator.schema.model import (
    ADDRESS_PARTS,
    NUMBER_TYPES,
    TEXT_TYPES,
    DefaultBy,
    DeleteRule,
    FieldSchema,
    PicklistValue,
)
from sf_pipelines.emulator.schema.rules import UNMATCHED, LookupFilter

_LENGTHS = {"id": 18, "reference": 18, "string": 255, "textarea": 255, "picklist": 255, "multipicklist": 4099,
            "combobox": 255, "email": 80, "url": 255, "phone": 40}  # fmt: skip
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


def build_field(name: str, raw: Mapping[str, Any], place: str, *, compound: str | None = None) -> FieldSchema:
    """The field `name` of object `place` from its raw keys.

    Raises:
        SchemaError: a key is unknown or wrong, or the keys contradict each other.
    """
    kind = check_keys(name, raw, f"{place}.{name}")
    is_master = raw.get("type") == "master_detail"
    formula, number_format = raw.get("formula"), raw.get("format")
    scale = int(raw.get("scale", 0)) if kind in NUMBER_TYPES and kind != "int" else 0
    derived = guarded(str(formula), kind, scale) if formula else raw.get("derived")
    writable = bool(raw.get("input")) or not (
        raw.get("read_only") or raw.get("audit") or derived or number_format
    )
    filled = kind in ("id", "boolean") or bool(raw.get("audit") or raw.get("owner") or number_format)
    can_filter = kind != "textarea" or _length(raw, kind) <= _FILTERABLE_TEXTAREA_CHARS
    return FieldSchema(
        name=name,
        label=str(raw.get("label", _label(name))),
        type=kind,
        length=FORMULA_TEXT_CHARS if formula and kind == "string" else _length(raw, kind),
        precision=int(raw.get("precision", 18)) if kind in NUMBER_TYPES and kind != "int" else 0,
        scale=scale,
        digits=int(raw.get("digits", 9)) if kind == "int" else 0,
        nillable=not (raw.get("required") or filled or is_master),
        createable=writable,
        updateable=writable and not (raw.get("create_only") or (is_master and not raw.get("reparentable"))),
        defaulted_on_create=filled or raw.get("default") is not None,
        default_value=raw.get("default", False if kind == "boolean" and not derived else None),
        default_by=_default_by(raw),
        custom=name.endswith("__c"),
        external_id=bool(raw.get("external_id")),
        id_lookup=bool(raw.get("id_lookup") or raw.get("external_id") or kind == "id"),
        unique=bool(raw.get("unique")),
        case_sensitive=bool(raw.get("case_sensitive")),
        name_field=bool(raw.get("name_field")),
        reference_to=_targets(raw),
        relationship_name=_relationship(name, raw),
        child_relationship_name=_children(name, raw),
        on_delete=_on_delete(raw),
        lookup_filter=_lookup_filter(raw),
        relationship_order=0 if is_master else None,
        compound_field_name=compound or raw.get("part_of"),
        picklist_values=_picklist(raw, f"{place}.{name}"),
        restricted_picklist=bool(raw.get("restricted")),
        filterable=can_filter,
        sortable=can_filter and kind != "multipicklist",
        groupable=can_filter and kind not in _UNGROUPABLE,
        derived=str(derived) if derived else None,
        formula=str(formula) if formula else None,
        auto_number=str(number_format) if number_format else None,
        help_text=raw.get("help"),
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


def _on_delete(raw: Mapping[str, Any]) -> DeleteRule:
    """A detail goes with its master; a look-up that must be filled can't be cleared."""
    if raw.get("type") == "master_detail":
        return "cascade"
    return cast("DeleteRule", raw.get("on_delete", "restrict" if raw.get("required") else "clear"))


def _lookup_filter(raw: Mapping[str, Any]) -> LookupFilter | None:
    condition = raw.get("filter")
    return LookupFilter(condition, raw.get("filter_message") or UNMATCHED) if condition else None


def _targets(raw: Mapping[str, Any]) -> tuple[str, ...]:
    named = raw.get("to", ())
    return (named,) if isinstance(named, str) else tuple(str(target) for target in named)


def _children(name: str, raw: Mapping[str, Any]) -> str | None:
    """The name of the children, as SOQL subqueries have it: `Invoices__r` for a custom field."""
    named = raw.get("children")
    return None if named is None else f"{named.removesuffix('__r')}__r" if name.endswith("__c") else named


def _picklist(raw: Mapping[str, Any], where: str) -> tuple[PicklistValue, ...]:
    default = raw.get("default")
    entries = tuple(_entry(item, default, where) for item in raw.get("values", ()))
    if len({entry.value for entry in entries}) < len(entries):
        raise SchemaError(f"{where} has a picklist value twice.")
    if default is not None and raw.get("restricted") and all(entry.value != default for entry in entries):
        raise SchemaError(f"{where}: the default {default!r} isn't one of its values.")
    return entries


def _entry(item: Any, default: Any, where: str) -> PicklistValue:
    """One entry: its value, or a mapping with `value` and perhaps `label` and `active`."""
    keys: dict[str, Any] = cast("dict[str, Any]", item) if isinstance(item, dict) else {"value": item}
    unknown = set(keys) - {"value", "label", "active"}
    value, label, active = keys.get("value"), keys.get("label", keys.get("value")), keys.get("active", True)
    if unknown or not isinstance(value, str) or not isinstance(label, str) or not isinstance(active, bool):
        raise SchemaError(
            f"{where}: a picklist value is text (in quotes where YAML reads something else), or a mapping of "
            f"value, label and active; not {item!r}."
        )
    return PicklistValue(value=value, label=label, active=active, default=value == default)
