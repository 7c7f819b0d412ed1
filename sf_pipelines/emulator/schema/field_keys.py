"""What a field of a schema file may say: its keys, their types, and which of them go together.

Belongs here: checks of one field's raw keys. Not here: the field made of them (fields.py).
Imports errors, expressions and model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast, get_args

from sf_pipelines.emulator.schema.errors import SchemaError
from sf_pipelines.emulator.schema.expressions import FORMULA_TYPES
from sf_pipelines.emulator.schema.model import TEXT_TYPES, DeleteRule, FieldType

ALIASES: Mapping[str, FieldType] = {
    "text": "string",
    "long_text": "textarea",
    "checkbox": "boolean",
    "number": "double",
    "lookup": "reference",
    "master_detail": "reference",
    "auto_number": "string",
}
"""The names that Salesforce's Setup has for types, beside those of describe."""
_TYPES = (*get_args(FieldType), *ALIASES, "formula")
_KEY_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("type", "label", "help", "format", "formula", "returns", "relationship", "children",
                     "on_delete", "filter", "filter_message"), (str,)),
    **dict.fromkeys(("length", "precision", "scale", "digits"), (int,)),
    **dict.fromkeys(("required", "unique", "external_id", "case_sensitive", "id_lookup", "restricted",
                     "read_only", "create_only", "reparentable"), (bool,)),
    "default": (str, int, float, bool),
    "values": (list,),
    "to": (str, list),
}  # fmt: skip
_INTERNAL_KEY_TYPES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("name_field", "owner", "audit", "input"), (bool,)),
    **dict.fromkeys(("part_of", "derived"), (str,)),
    "default_by": (dict,),
}
"""Keys of the shipped standard objects only."""
_LIMITS: Mapping[str, tuple[int, int]] = {
    "length": (1, 131_072),
    "precision": (1, 18),
    "scale": (0, 17),
    "digits": (1, 18),
}
_KEYS_OF: Mapping[str, frozenset[str]] = {
    "format": frozenset({"auto_number"}),
    "returns": frozenset({"formula"}),
    "formula": frozenset({"formula"}),
    "reparentable": frozenset({"master_detail"}),
    "on_delete": frozenset({"lookup", "reference"}),
    **dict.fromkeys(
        ("to", "relationship", "children", "filter", "filter_message"),
        frozenset({"lookup", "reference", "master_detail"}),
    ),
    **dict.fromkeys(("values", "restricted"), frozenset({"picklist", "multipicklist", "combobox"})),
}
"""Keys that only fields of some types have."""
_DEFAULT_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "int": (int,),
    **dict.fromkeys(("double", "currency", "percent"), (int, float)),
    **dict.fromkeys(TEXT_TYPES, (str,)),
}
_KEY_FIELD_TYPES = ("string", "email", "int", "double")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_FORMAT = re.compile(r"[^{}]*\{0+\}[^{}]*")
_MAX_NAME_CHARS = 43


def check_keys(name: str, raw: Mapping[str, Any], where: str) -> FieldType:
    """The describe type of a field, once all its keys are sound.

    Raises:
        SchemaError: a key is unknown, has a wrong value, or doesn't go with the type.
    """
    _check_names(name, raw, where)
    _check_values(raw, where)
    spelled = str(raw.get("type", "string"))
    if spelled not in _TYPES:
        raise SchemaError(f"{where} has the unknown type '{spelled}'; known: {', '.join(_TYPES)}.")
    _check_owners(raw, spelled, where)
    _check_needs(raw, spelled, where)
    kind = cast("FieldType", raw["returns"] if spelled == "formula" else ALIASES.get(spelled, spelled))
    _check_uses(raw, kind, where)
    return kind


def _check_names(name: str, raw: Mapping[str, Any], where: str) -> None:
    if not _NAME.fullmatch(name) or "__" in name.removesuffix("__c") or len(name) > _MAX_NAME_CHARS:
        raise SchemaError(
            f"{where}: an API name has letters, digits and single underscores, starts with a letter, and is "
            f"at most {_MAX_NAME_CHARS} characters long."
        )
    known = set(_KEY_TYPES) if name.endswith("__c") else {*_KEY_TYPES, *_INTERNAL_KEY_TYPES}
    unknown = set(raw) - known
    if unknown:
        raise SchemaError(f"{where} has unknown keys {sorted(unknown)}; known: {sorted(_KEY_TYPES)}.")


def _check_values(raw: Mapping[str, Any], where: str) -> None:
    for key, value in raw.items():
        types = _KEY_TYPES.get(key) or _INTERNAL_KEY_TYPES[key]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            wanted = " or ".join(kind.__name__ for kind in types)
            raise SchemaError(f"{where}: the value of '{key}' must be a {wanted}, not {value!r}.")
        low, high = _LIMITS.get(key, (None, None))
        if low is not None and high is not None and not low <= value <= high:
            raise SchemaError(f"{where}: '{key}' must be from {low} to {high}, not {value}.")
    if int(raw.get("scale", 0)) > int(raw.get("precision", 18)):
        raise SchemaError(f"{where}: 'scale' can't be more than 'precision', the count of all digits.")


def _check_owners(raw: Mapping[str, Any], spelled: str, where: str) -> None:
    for key, owners in _KEYS_OF.items():
        if key in raw and spelled not in owners:
            raise SchemaError(f"{where}: only {' and '.join(sorted(owners))} fields have '{key}'; remove it.")


def _check_needs(raw: Mapping[str, Any], spelled: str, where: str) -> None:
    for kinds, key, mend, is_sound in _NEEDS:
        if spelled in kinds and not is_sound(raw.get(key)):
            raise SchemaError(f"{where} {mend}")
    if raw.get("on_delete", "clear") not in get_args(DeleteRule):
        raise SchemaError(f"{where}: 'on_delete' is one of {', '.join(get_args(DeleteRule))}.")
    if "filter_message" in raw and not raw.get("filter"):
        raise SchemaError(f"{where}: 'filter_message' is the text of a 'filter', which isn't there.")
    if raw.get("on_delete", "clear") == "clear" and "on_delete" in raw and raw.get("required"):
        raise SchemaError(f"{where}: a required look-up can't be cleared; set on_delete to restrict.")


_NEEDS: tuple[tuple[tuple[str, ...], str, str, Callable[[Any], bool]], ...] = (
    (("lookup", "reference", "master_detail"), "to",
     "is a reference without a target: add `to: SomeObject`.", bool),
    (("picklist", "multipicklist"), "values", "is a picklist without values: add `values: [...]`.", bool),
    (("formula",), "formula", "is a formula without an expression: add `formula: ...`.", bool),
    (("formula",), "returns", f"is a formula: add `returns:`, one of {', '.join(FORMULA_TYPES)}.",
     lambda value: value in FORMULA_TYPES),
    (("auto_number",), "format",
     "is an auto-number: add `format:` with one run of zeros in braces, as 'A-{0000}'.",
     lambda value: isinstance(value, str) and bool(_FORMAT.fullmatch(value))),
)  # fmt: skip


def _check_uses(raw: Mapping[str, Any], kind: str, where: str) -> None:
    default = raw.get("default")
    if default is not None and not _is_of(default, _DEFAULT_TYPES.get(kind, ())):
        raise SchemaError(f"{where}: the default of a {kind} can't be {default!r}.")
    if raw.get("external_id") and kind not in _KEY_FIELD_TYPES:
        raise SchemaError(f"{where}: an external id is a string, email, int or double, not a {kind}.")
    if raw.get("unique") and kind not in _KEY_FIELD_TYPES:
        raise SchemaError(f"{where}: only a string, email, int or double can be unique, not a {kind}.")
    if "formula" in raw and any(raw.get(key) for key in ("required", "unique", "external_id", "default")):
        raise SchemaError(f"{where}: a formula can't be required, unique, an external id, or have a default.")


def _is_of(value: Any, types: tuple[type, ...]) -> bool:
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))
