"""The JSON of queried records: attributes, selected fields, parents nested.

Belongs here: rows of a query result to dicts. Not here: one value's form (values.py). Imports results,
schema, values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from sf_pipelines.emulator.results import Column, QueryResult
from sf_pipelines.emulator.schema.model import ObjectSchema, OrgSchema
from sf_pipelines.emulator.values import rest_converter

Row = tuple[Any, ...]
_Render = Callable[[Row], Any]


class RecordRenderer:
    """Compiled once for a query's columns, then run for each row."""

    def __init__(self, schema: OrgSchema, result: QueryResult, data_url: str) -> None:
        """Compile.

        Args:
            schema: the org's objects, to know the type behind a relationship name.
            result: its columns and hidden ids say what to render.
            data_url: `/services/data/v62.0`, for `attributes.url`.
        """
        self._schema = schema
        self._data_url = data_url
        self._id_index = result.id_index
        positions = list(enumerate(result.columns))
        self._render = self._record(schema.object(result.sobject), (), positions)

    def render(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """One dict for each row, keys in SELECT order."""
        return [self._render(row) for row in rows]

    def _record(
        self, sobject: ObjectSchema, prefix: tuple[str, ...], columns: list[tuple[int, Column]]
    ) -> _Render:
        depth = len(prefix)
        entries: dict[str, _Render] = {}
        for index, column in columns:
            name = column.path[depth]
            if len(column.path) == depth + 1:
                entries[name] = _plain(index, column)
            elif name not in entries:
                nested = [
                    (at, one) for at, one in columns if len(one.path) > depth + 1 and one.path[depth] == name
                ]
                entries[name] = self._record(self._parent(sobject, name), (*prefix, name), nested)
        id_index = self._id_index[prefix]
        attributes = {"type": sobject.name}
        url = f"{self._data_url}/sobjects/{sobject.name}/"
        return partial(_render_record, id_index, attributes, url, list(entries.items()))

    def _parent(self, sobject: ObjectSchema, relationship: str) -> ObjectSchema:
        reference = sobject.relationship(relationship)
        if reference is None:
            raise LookupError(f"{sobject.name} has no relationship {relationship}")
        return self._schema.object(reference.reference_to[0])


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


def _plain(index: int, column: Column) -> _Render:
    convert = rest_converter(column.field)
    if convert is None:
        return itemgetter(index)

    def render(row: Row) -> Any:
        value = row[index]
        return None if value is None else convert(value)

    return render
