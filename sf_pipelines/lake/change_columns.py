"""Columns of `raw.<object>` from what change events carry: types from the events' schema, values as SQL.

A value waits as Avro had it, in the jsonb `s.v` of a folded row; what comes out equals what an extract writes
(salesforce-api.md section 12). Text only; nothing is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sf_pipelines.lake.errors import WarehouseError
from sf_pipelines.lake.raw_tables import literal, quoted
from sf_pipelines.lake.types import ADDRESS, LOCATION
from sf_pipelines.model.change import EventLeaf

TEXT, TIMESTAMP = "text", "timestamp with time zone"

_TYPES = {"boolean": "boolean", "int": "integer", "long": "bigint", "float": "double precision",
          "double": "double precision"}  # fmt: skip
# a long is a number, a date or a time: the schema's doc tells which ([I] that there are no other spellings)
_TYPES_OF_LONGS = {"DateTime": TIMESTAMP, "DateOnly": "date", "Date": "date",
                   "TimeOnly": "time without time zone", "Time": "time without time zone"}  # fmt: skip

_NAME_ORDER = ("FirstName", "MiddleName", "LastName", "Suffix")
"""Parts of a person's name in the order in which the org joins them ([I] for orgs of Western locales)."""

_CASTS = {
    TEXT: "({value})",
    "boolean": "({value})::boolean",
    # a whole number may come as 12.0
    "integer": "({value})::numeric::integer",
    "bigint": "({value})::numeric::bigint",
    "double precision": "({value})::double precision",
    "numeric": "({value})::numeric",
    "date": "(date 'epoch' + (({value})::bigint / 86400000)::integer)",
    # days apart from the rest, since a product of an interval is a double and has no room for both
    TIMESTAMP: (
        "((timestamp 'epoch' + (({value})::bigint / 86400000)::integer * interval '1 day' "
        "+ (({value})::bigint % 86400000) * interval '1 millisecond') AT TIME ZONE 'UTC')"
    ),
    "time without time zone": "(time '00:00' + ({value})::bigint * interval '1 millisecond')",
}


def column_types(leaves: Iterable[EventLeaf], present: Mapping[str, str]) -> dict[str, str]:
    """Columns that events fill, with the type that the table has for them, or else the schema's.

    Args:
        present: columns of the table and their types, as information_schema spells them.
    """
    types: dict[str, str] = {}
    for leaf in leaves:
        if leaf.name in present or not leaf.is_alternative:
            types[leaf.name] = present.get(leaf.name) or _type_of(leaf)
        if leaf.compound == "Name" and leaf.part == "LastName":
            types["Name"] = present.get("Name", TEXT)
    return types


def value(name: str, kind: str) -> str:
    """The value of a column in a folded row, null where it carries none.

    Raises:
        WarehouseError: the table has a type for it that no event has.
    """
    cast = _CASTS.get(kind)
    if cast is None:
        raise WarehouseError(
            f"The column {name} is {kind}, which no change event carries: "
            "drop the column, and let a repair read the object again."
        )
    return cast.format(value=f"s.v ->> {literal(name)}")


def carries(names: Iterable[str]) -> str:
    """Whether a folded row carries one of the fields."""
    return f"s.v ?| ARRAY[{', '.join(map(literal, names))}]"


def person_name(columns: Iterable[str], *, has_row: bool) -> str:
    """The whole name of a person, of whom an event tells only the parts that changed."""
    known = set(columns)
    parts = [_part_of_name(name, has_row) for name in _NAME_ORDER if name in known]
    return f"concat_ws(' ', {', '.join(parts)})"


def compounds(leaves: Iterable[EventLeaf], present: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Compound fields that the table keeps as jsonb: key within the JSON to the event's field."""
    found: dict[str, dict[str, str]] = {}
    for leaf in leaves:
        if leaf.compound is not None and leaf.part is not None and present.get(leaf.compound) == "jsonb":
            key = leaf.part[0].lower() + leaf.part[1:]
            found.setdefault(leaf.compound, {})[key] = leaf.name
    return found


def compound_value(name: str, parts: Mapping[str, str], *, has_row: bool) -> str:
    """A compound field with the parts that changed; null where all of them are."""
    keys = [field.name for field in (ADDRESS if "city" in parts else LOCATION)]
    empty = f"jsonb_build_object({', '.join(f'{literal(key)}, null' for key in keys)})"
    before = f"coalesce(t.{quoted(name)}, '{{}}') || " if has_row else ""
    pairs = ", ".join(f"({literal(key)}, {literal(field)})" for key, field in parts.items())
    changed = (
        "(SELECT coalesce(jsonb_object_agg(p.key, s.v -> p.field), '{}') "
        f"FROM (VALUES {pairs}) AS p(key, field) WHERE s.v ? p.field)"
    )
    return (
        "(SELECT CASE WHEN jsonb_strip_nulls(c.whole) <> '{}' THEN c.whole END "
        f"FROM (SELECT {empty} || {before}{changed} AS whole) AS c)"
    )


def _type_of(leaf: EventLeaf) -> str:
    if leaf.avro_type == "long" and leaf.doc_type in _TYPES_OF_LONGS:
        return _TYPES_OF_LONGS[leaf.doc_type]
    return _TYPES.get(leaf.avro_type, TEXT)


def _part_of_name(name: str, has_row: bool) -> str:
    told = f"s.v ->> {literal(name)}"
    if not has_row:
        return told
    return f"CASE WHEN s.is_whole OR s.v ? {literal(name)} THEN {told} ELSE t.{quoted(name)} END"
