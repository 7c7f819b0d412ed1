"""The JSON of queried records: attributes, selected fields, parents and children nested; and of aggregates.

Belongs here: rows of a query result to dicts. Not here: one value's form (values.py), pages (query.py).
Imports results, schema, values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from sf_pipelines.emulator.results import ChildColumn, Column, QueryResult, RowShape
from sf_pipelines.emulator.schema.model import ObjectSchema, OrgSchema
from sf_pipelines.emulator.values import rest_converter

Row = tuple[Any, ...]
_Render = Callable[[Row], Any]
_Entry = tuple[str, _Render, frozenset[str] | None]
RenderChildren = Callable[["RecordRenderer", QueryResult], dict[str, Any]]


class RecordRenderer:
    """Compiled once for a query's columns, then run for each row."""

    def __init__(
        self, schema: OrgSchema, shape: RowShape, data_url: str, render_children: RenderChildren
    ) -> None:
        """Compile.

        Args:
            schema: the org's objects, to know the type behind a relationship name.
            shape: its columns and hidden ids say what to render.
            data_url: `/services/data/v62.0`, for `attributes.url`.
            render_children: gives the nested page of a subquery that has rows.
        """
        self._schema = schema
        self._shape = shape
        self._data_url = data_url
        self._render_children = render_children
        self._render: _Render
        if shape.is_aggregate:
            entries = [(column.label, _plain(index, column)) for index, column in enumerate(shape.columns)]
            self._render = partial(_render_aggregate, entries)
        else:
            self._render = self._record(schema.object(shape.sobject), (), list(enumerate(shape.columns)))

    def render(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """One dict for each row, keys in SELECT order."""
        return [self._render(row) for row in rows]

    def _record(
        self, sobject: ObjectSchema, prefix: tuple[str, ...], columns: list[tuple[int, Column]]
    ) -> _Render:
        depth = len(prefix)
        children = list(self._shape.children) if depth == 0 else []
        entries: list[_Entry] = []
        names: set[str] = set()
        for index, column in columns:
            while children and children[0].after <= index:
                entries.append(self._child(children.pop(0)))
            name = column.path[depth]
            if len(column.path) == depth + 1:
                entries.append((name, _plain(index, column), column.of_types))
            elif name not in names:
                names.add(name)
                nested = [
                    (at, one) for at, one in columns if len(one.path) > depth + 1 and one.path[depth] == name
                ]
                entries.append(
                    (name, self._record(self._parent(sobject, name), (*prefix, name), nested), None)
                )
        entries.extend(map(self._child, children))
        return self._compiled(sobject, prefix, entries)

    def _compiled(self, sobject: ObjectSchema, prefix: tuple[str, ...], entries: list[_Entry]) -> _Render:
        id_index = self._shape.id_index[prefix]
        if prefix in self._shape.polymorphic:
            return partial(_render_polymorphic, id_index, self._schema, self._data_url, entries)
        plain = [(name, render) for name, render, _ in entries]
        url = f"{self._data_url}/sobjects/{sobject.name}/"
        return partial(_render_record, id_index, {"type": sobject.name}, url, plain)

    def _child(self, column: ChildColumn) -> _Entry:
        renderer = RecordRenderer(self._schema, column.shape, self._data_url, self._render_children)
        render_children = self._render_children

        def render(row: Row) -> dict[str, Any] | None:
            result: QueryResult = row[column.index]
            return render_children(renderer, result) if result.total_size else None

        return column.name, render, None

    def _parent(self, sobject: ObjectSchema, relationship: str) -> ObjectSchema:
        """The first object behind a relationship that the org models."""
        reference = sobject.relationship(relationship)
        names = reference.reference_to if reference is not None else ()
        for name in names:
            found = self._schema.find(name)
            if found is not None:
                return found
        raise LookupError(f"{sobject.name} has no relationship {relationship}")


def _render_record(
    id_index: int, attributes: dict[str, str], url: str, entries: list[tuple[str, _Render]], row: Row
) -> dict[str, Any] | None:
    id_ = row[id_index]
    if id_ is None:
        return None
    record: dict[str, Any] = {"attributes": {**attributes, "url": url + id_}}
    for name, render in entries:
        record[name] = render(row)
    return record


def _render_polymorphic(
    id_index: int, schema: OrgSchema, data_url: str, entries: list[_Entry], row: Row
) -> dict[str, Any] | None:
    id_ = row[id_index]
    item = None if id_ is None else schema.by_prefix(id_[:3])
    if item is None:
        return None
    url = f"{data_url}/sobjects/{item.name}/{id_}"
    record: dict[str, Any] = {"attributes": {"type": item.name, "url": url}}
    for name, render, types in entries:
        if types is None or item.name in types:
            record[name] = render(row)
    return record


def _render_aggregate(entries: list[tuple[str, _Render]], row: Row) -> dict[str, Any]:
    record: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
    for name, render in entries:
        record[name] = render(row)
    return record


def _plain(index: int, column: Column) -> _Render:
    convert = rest_converter(column.field)
    if convert is None:
        return itemgetter(index)

    def render(row: Row) -> Any:
        value = row[index]
        return None if value is None else convert(value)

    return render
