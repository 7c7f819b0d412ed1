"""Names of one SELECT: fields, parents, and the joins that they need.

A polymorphic reference (one that may hold ids of several objects) joins each object that the org models; its
fields are those of Salesforce's Name object.
Belongs here: resolving paths to SQL columns. Not here: functions (functions.py), conditions (filters.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sf_pipelines.emulator.schema.model import ADDRESS_PARTS, FieldSchema, ObjectSchema, OrgSchema
from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.nodes import Path, Place
from sf_pipelines.emulator.store import quoted

MAX_PARENT_LEVELS = 5
# [D] SOQL reference, relationship query limits; each object of a polymorphic reference counts.
MAX_PARENTS = 55
# [D] SOQL reference, object Name: what may be read through a polymorphic reference without TYPEOF.
NAME_FIELDS = ("Id", "Name", "Type", "FirstName", "LastName", "Username", "Alias", "Email", "Phone", "Title",
               "IsActive", "ProfileId", "UserRoleId", "RecordTypeId")  # fmt: skip
_NAME_FIELDS = {name.lower(): name for name in NAME_FIELDS}
_REST_ADDRESS_KEYS = dict(
    zip(ADDRESS_PARTS, ("street", "city", "state", "postalCode", "country", "latitude", "longitude",
                        "geocodeAccuracy"), strict=True)
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """A field of the base object or of a parent, spelled as in the schema, or a function of one."""

    path: tuple[str, ...]
    field: FieldSchema
    expression: str
    """The SQL that reads the storage value."""
    table: str | None = None
    """The SQL table when the value is a plain column."""
    sobject: str = ""
    """The object that a plain column belongs to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Step:
    """The record behind one relationship path: a table for each object that it may be of."""

    tables: Sequence[tuple[str, ObjectSchema]]
    is_polymorphic: bool = False


class Scope:
    """Resolves the paths of one SQL statement, and collects its LEFT JOINs."""

    def __init__(
        self,
        schema: OrgSchema,
        soql: str,
        item: ObjectSchema,
        alias: str | None = None,
        *,
        table_prefix: str = "t",
    ) -> None:
        """A scope whose base table is `item`, known as `<table_prefix>0` in SQL; errors quote `soql`."""
        self.soql = soql
        self.schema = schema
        self.item = item
        self.base = f"{table_prefix}0"
        self._prefix = table_prefix
        self._alias = alias.lower() if alias else None
        self._steps: dict[tuple[str, ...], _Step] = {(): _Step(tables=((self.base, item),))}
        self._table_count = 1
        self._sql = [f"FROM {quoted(item.name)} {self.base}"]

    def sql(self) -> str:
        """The FROM clause with all joins that were needed so far."""
        return " ".join(self._sql)

    def ids(self) -> dict[tuple[str, ...], str]:
        """The SQL of the Id of the base record (key `()`) and of each parent in use, by relationship path."""
        return {path: _coalesced([f'{t}."Id"' for t, _ in step.tables]) for path, step in self._steps.items()}

    def polymorphic(self) -> frozenset[tuple[str, ...]]:
        """The relationship paths in use whose records may be of several objects."""
        return frozenset(path for path, step in self._steps.items() if step.is_polymorphic)

    def sobject_of(self, path: tuple[str, ...], id_: str) -> str:
        """The API name of the object of record `id_` behind a relationship path in use."""
        items = [item for _, item in self._steps[path].tables]
        return next((item.name for item in items if id_.startswith(item.key_prefix)), items[0].name)

    def resolve(self, path: Path) -> Resolved:
        """The field that `path` names.

        Raises:
            SalesforceError: INVALID_FIELD for an unknown field or relationship, with the caret excerpt.
        """
        parts = self._without_alias(path.parts)
        if len(parts) > MAX_PARENT_LEVELS + 1:
            raise errors.too_many_parents(self.soql, path.place, MAX_PARENT_LEVELS)
        spelled = self._walk(path.place, parts[:-1])
        step = self._steps[spelled]
        if step.is_polymorphic:
            return self._name_field(path, spelled, parts[-1])
        table, item = step.tables[0]
        return self._column(path, spelled, parts[-1], table, item)

    def resolve_in(self, place: Place, reference: str, sobject: str, path: Path) -> Resolved:
        """The field `path` of the records of `sobject` that the polymorphic `reference` holds (TYPEOF)."""
        spelled = self._walk(place, (reference,))
        *parents, name = path.parts
        if parents:
            message = "TYPEOF takes fields of the object itself, not of its parents"
            raise errors.malformed(self.soql, path.place, message)
        table, item = next(pair for pair in self._steps[spelled].tables if pair[1].name == sobject)
        return self._column(path, spelled, name, table, item)

    def targets(self, place: Place, reference: str) -> tuple[str, ...]:
        """The objects that the org models of a polymorphic `reference`.

        Raises:
            SalesforceError: MALFORMED_QUERY when it isn't polymorphic.
        """
        step = self._steps[self._walk(place, (reference,))]
        if not step.is_polymorphic:
            message = f"TYPEOF can only be used with a polymorphic relationship, and '{reference}' isn't one"
            raise errors.malformed(self.soql, place, message)
        return tuple(item.name for _, item in step.tables)

    def _column(
        self, path: Path, spelled: tuple[str, ...], name: str, table: str, item: ObjectSchema
    ) -> Resolved:
        field = item.field(name)
        if field is None:
            raise errors.no_such_column(self.soql, path.place, name, item.name)
        if field.is_compound:
            expression, table = _address(field, table), ""
        else:
            expression = f"{table}.{quoted(field.name)}"
        return Resolved(
            path=(*spelled, field.name),
            field=field,
            expression=expression,
            table=table or None,
            sobject=item.name,
        )

    def _name_field(self, path: Path, spelled: tuple[str, ...], wanted: str) -> Resolved:
        name = _NAME_FIELDS.get(wanted.lower())
        if name is None:
            raise errors.no_such_column(self.soql, path.place, wanted, "Name")
        tables = self._steps[spelled].tables
        if name == "Type":
            cases = " ".join(f"WHEN {table}.\"Id\" IS NOT NULL THEN '{item.name}'" for table, item in tables)
            field = FieldSchema(name="Type", label="Type", type="picklist", length=40)
            expression = f"(CASE {cases} END COLLATE NOCASE)"
            return Resolved(path=(*spelled, name), field=field, expression=expression)
        found = [(table, field) for table, item in tables if (field := item.field(name)) is not None]
        if not found:
            field = FieldSchema(name=name, label=name, type="string", length=255)
            return Resolved(path=(*spelled, name), field=field, expression="NULL")
        columns = [f"{table}.{quoted(field.name)}" for table, field in found]
        collation = " COLLATE NOCASE" if found[0][1].is_text else ""
        expression = f"({_coalesced(columns)}{collation})"
        return Resolved(path=(*spelled, name), field=found[0][1], expression=expression)

    def _without_alias(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        head = parts[0].lower()
        is_own_name = head == self.item.name.lower() and self.item.relationship(head) is None
        return parts[1:] if len(parts) > 1 and (head == self._alias or is_own_name) else parts

    def _walk(self, place: Place, names: Sequence[str]) -> tuple[str, ...]:
        spelled: tuple[str, ...] = ()
        for name in names:
            step = self._steps[spelled]
            child_table, item = step.tables[0]
            reference = None if step.is_polymorphic else item.relationship(name)
            parents = self._parents(reference)
            if reference is None or not parents:
                raise errors.no_such_relationship(self.soql, place, name)
            spelled = (*spelled, reference.relationship_name or name)
            if spelled not in self._steps:
                if self._table_count + len(parents) > MAX_PARENTS + 1:
                    message = f"A query can have at most {MAX_PARENTS} child-to-parent relationships"
                    raise errors.malformed(self.soql, place, message)
                self._steps[spelled] = self._join(child_table, reference, parents)
        return spelled

    def _parents(self, reference: FieldSchema | None) -> list[ObjectSchema]:
        """The referenced objects that the org models."""
        names = reference.reference_to if reference is not None else ()
        return [found for name in names if (found := self.schema.find(name)) is not None]

    def _join(self, child_table: str, reference: FieldSchema, parents: Sequence[ObjectSchema]) -> _Step:
        tables: list[tuple[str, ObjectSchema]] = []
        for parent in parents:
            table = f"{self._prefix}{self._table_count}"
            self._table_count += 1
            condition = f'{table}."Id" = {child_table}.{quoted(reference.name)}'
            self._sql.append(f"LEFT JOIN {quoted(parent.name)} {table} ON {condition}")
            tables.append((table, parent))
        return _Step(tables=tuple(tables), is_polymorphic=len(reference.reference_to) > 1)


def _coalesced(columns: Sequence[str]) -> str:
    return columns[0] if len(columns) == 1 else f"coalesce({', '.join(columns)})"


def _address(field: FieldSchema, table: str) -> str:
    """JSON text of an address from its components; null when all of them are."""
    columns = [f"{table}.{quoted(name)}" for name in field.components]
    pairs = ", ".join(
        f"'{_REST_ADDRESS_KEYS[part]}', {column}" for part, column in zip(ADDRESS_PARTS, columns, strict=True)
    )
    return f"CASE WHEN coalesce({', '.join(columns)}) IS NULL THEN NULL ELSE json_object({pairs}) END"
