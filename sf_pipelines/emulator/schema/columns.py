"""The table of an object: one real column for each field that isn't a compound, and the hidden ones.

A text field that is a key (unique, external id, idLookup) has a shadow column `key$<Field>` with the folded
value, so that look-ups are case-insensitive in every script and use an index. `bin$root` holds the id of the
record whose delete took this one along. `match$<Rule>` holds what a duplicate rule compares.
Belongs here: names and definitions of columns. Not here: statements (store.py). Imports model only.
"""

from __future__ import annotations

from collections.abc import Iterator

from sf_pipelines.emulator.schema.model import NUMBER_TYPES, FieldSchema, ObjectSchema

BIN_COLUMN = "bin$root"
SEPARATOR = "\x1f"
"""Stands between the parts of what a duplicate rule compares."""
_COLUMN_TYPES = {"boolean": "INTEGER", "int": "INTEGER", "datetime": "INTEGER", "time": "INTEGER",
                 "double": "REAL", "currency": "REAL", "percent": "REAL"}  # fmt: skip


def quoted(name: str) -> str:
    """An SQL identifier; API names hold only letters, digits and underscores."""
    return f'"{name}"'


def has_key_column(field: FieldSchema) -> bool:
    """True for a text field that rows are looked up by."""
    return field.is_text and (field.unique or field.is_key)


def key_column(field: FieldSchema) -> str:
    """The column to look rows up by: the shadow column of a text key, else the field's own."""
    return f"key${field.name}" if has_key_column(field) else field.name


def table_columns(item: ObjectSchema) -> dict[str, str]:
    """Column name to column definition, for every field with a column and every hidden column."""
    columns: dict[str, str] = {}
    for field in item.fields:
        if not field.is_compound:
            columns[field.name] = _definition(field)
        if has_key_column(field):
            columns[key_column(field)] = f"{quoted(key_column(field))} TEXT"
    columns["IsDeleted"] = '"IsDeleted" INTEGER NOT NULL DEFAULT 0'
    columns[BIN_COLUMN] = f"{quoted(BIN_COLUMN)} TEXT"
    for rule in item.duplicate_rules:
        parts = f" || char({ord(SEPARATOR)}) || ".join(f"sf_normal({quoted(name)})" for name in rule.fields)
        columns[rule.key_column] = f"{quoted(rule.key_column)} TEXT GENERATED ALWAYS AS ({parts}) VIRTUAL"
    return columns


def stored_columns(item: ObjectSchema) -> list[str]:
    """The names of the columns that hold values of their own, generated ones left out."""
    return [name for name, definition in table_columns(item).items() if "GENERATED ALWAYS" not in definition]


def table_indexes(item: ObjectSchema) -> Iterator[str]:
    """The statements that make the indexes that are missing."""
    table = quoted(item.name)
    yield f'CREATE UNIQUE INDEX IF NOT EXISTS "{item.name}$Id" ON {table} ("Id")'
    yield f'CREATE INDEX IF NOT EXISTS "{item.name}$SystemModstamp" ON {table} ("SystemModstamp")'
    names = [key_column(field) for field in item.fields if _is_looked_up(field)]
    for column in [*names, BIN_COLUMN, *(rule.key_column for rule in item.duplicate_rules)]:
        name = f"{item.name}${column}"
        yield (
            f'CREATE INDEX IF NOT EXISTS "{name}" ON {table} ({quoted(column)}) '
            f"WHERE {quoted(column)} IS NOT NULL"
        )


def _is_looked_up(field: FieldSchema) -> bool:
    is_number_key = field.type in NUMBER_TYPES and (field.unique or field.external_id)
    is_parent = field.type == "reference" and field.createable and "User" not in field.reference_to
    return has_key_column(field) or is_number_key or is_parent


def _definition(field: FieldSchema) -> str:
    kind = _COLUMN_TYPES.get(field.type, "TEXT")
    collation = " COLLATE NOCASE" if field.is_text and not field.case_sensitive else ""
    derived = f" GENERATED ALWAYS AS ({field.derived}) VIRTUAL" if field.derived else ""
    missing = " NOT NULL DEFAULT 0" if field.type == "boolean" and not derived else ""
    return f"{quoted(field.name)} {kind}{collation}{derived}{missing}"
