"""Names of one query: fields, parents, and the joins that they need.

Belongs here: resolving paths to SQL columns. Not here: conditions (filters.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from sf_pipelines.emulator.schema.model import ADDRESS_PARTS, FieldSchema, ObjectSchema, OrgSchema
from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.nodes import Path, Query
from sf_pipelines.emulator.store import quoted

_MAX_PARENT_LEVELS = 5
_REST_ADDRESS_KEYS = dict(
    zip(ADDRESS_PARTS, ("street", "city", "state", "postalCode", "country", "latitude", "longitude",
                        "geocodeAccuracy"), strict=True)
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """A field of the base object or of a parent, spelled as in the schema."""

    path: tuple[str, ...]
    field: FieldSchema
    table: str

    def sql(self) -> str:
        """The SQL that reads the field's storage value."""
        return _address(self.field, self.table) if self.field.is_compound else self.column(self.field.name)

    def column(self, name: str) -> str:
        """A column of the field's table, qualified."""
        return f"{self.table}.{quoted(name)}"


class Scope:
    """Resolves the paths of one SQL statement, and collects its LEFT JOINs."""

    def __init__(self, schema: OrgSchema, item: ObjectSchema, query: Query, soql: str) -> None:
        """A scope whose base table is `item`, known as `t0` in SQL."""
        self._schema = schema
        self._item = item
        self._alias = query.alias.lower() if query.alias else None
        self._soql = soql
        self._joins: dict[tuple[str, ...], tuple[str, ObjectSchema]] = {(): ("t0", item)}
        self._sql = [f"FROM {quoted(item.name)} t0"]

    def sql(self) -> str:
        """The FROM clause with all joins that were needed so far."""
        return " ".join(self._sql)

    def tables(self) -> dict[tuple[str, ...], str]:
        """The SQL name of the base table (key `()`) and of each parent in use, by its relationship path."""
        return {path: table for path, (table, _) in self._joins.items()}

    def sobject(self, path: tuple[str, ...]) -> str:
        """The API name of the object behind a relationship path in use."""
        return self._joins[path][1].name

    def resolve(self, path: Path) -> Resolved:
        """The field that `path` names.

        Raises:
            SalesforceError: INVALID_FIELD for an unknown field or relationship, with the caret excerpt.
        """
        parts = self._without_alias(path.parts)
        if len(parts) > _MAX_PARENT_LEVELS + 1:
            message = f"SOQL relationship paths can't have more than {_MAX_PARENT_LEVELS} parent levels"
            raise errors.malformed(self._soql, path.place, message)
        table, item, spelled = self._walk(path, parts[:-1])
        field = item.field(parts[-1])
        if field is None:
            raise errors.no_such_column(self._soql, path.place, parts[-1], item)
        return Resolved(path=(*spelled, field.name), field=field, table=table)

    def _without_alias(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        head = parts[0].lower()
        is_own_name = head == self._item.name.lower() and self._item.relationship(head) is None
        return parts[1:] if len(parts) > 1 and (head == self._alias or is_own_name) else parts

    def _walk(self, path: Path, names: tuple[str, ...]) -> tuple[str, ObjectSchema, tuple[str, ...]]:
        spelled: tuple[str, ...] = ()
        for name in names:
            item = self._joins[spelled][1]
            reference = item.relationship(name)
            parent = self._parent(reference)
            if reference is None or parent is None:
                raise errors.no_such_relationship(self._soql, path.place, name)
            child_table = self._joins[spelled][0]
            spelled = (*spelled, reference.relationship_name or name)
            self._join(spelled, child_table, reference, parent)
        table, item = self._joins[spelled]
        return table, item, spelled

    def _parent(self, reference: FieldSchema | None) -> ObjectSchema | None:
        """The first referenced object that the org models (of Group and User: User)."""
        names = reference.reference_to if reference is not None else ()
        return next((found for name in names if (found := self._schema.find(name)) is not None), None)

    def _join(
        self, spelled: tuple[str, ...], child_table: str, reference: FieldSchema, parent: ObjectSchema
    ) -> None:
        if spelled in self._joins:
            return
        table = f"t{len(self._joins)}"
        self._joins[spelled] = (table, parent)
        condition = f'{table}."Id" = {child_table}.{quoted(reference.name)}'
        self._sql.append(f"LEFT JOIN {quoted(parent.name)} {table} ON {condition}")


def _address(field: FieldSchema, table: str) -> str:
    """JSON text of an address from its components; null when all of them are."""
    columns = [f"{table}.{quoted(name)}" for name in field.components]
    pairs = ", ".join(
        f"'{_REST_ADDRESS_KEYS[part]}', {column}" for part, column in zip(ADDRESS_PARTS, columns, strict=True)
    )
    return f"CASE WHEN coalesce({', '.join(columns)}) IS NULL THEN NULL ELSE json_object({pairs}) END"
