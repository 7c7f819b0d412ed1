"""One record by its id, with nested parents, as a REST row call gives it.

Belongs here: building the record of `GET sobjects/X/{id}`. Not here: queries (runner.py), urls (the HTTP
surface).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sf_pipelines.emulator.dml.errors import entity_is_deleted
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.model import ObjectSchema
from sf_pipelines.emulator.soql.nodes import Path, Place
from sf_pipelines.emulator.soql.scope import Resolved, Scope
from sf_pipelines.emulator.store import Store
from sf_pipelines.emulator.values import to_rest


def read_row(
    store: Store, item: ObjectSchema, id_: str, names: Sequence[str], data_url: str
) -> dict[str, Any]:
    """The record of `id_` with the fields `names` (API names or parent paths), and `attributes`.

    Raises:
        SalesforceError: 404 NOT_FOUND, 404 ENTITY_IS_DELETED, 400 INVALID_FIELD for an unknown name.
    """
    scope = Scope(store.schema, ",".join(names), item)
    selected = [scope.resolve(_path(name, names, index)) for index, name in enumerate(names)]
    ids = scope.ids()
    columns = ", ".join(['t0."IsDeleted"', *ids.values(), *(resolved.expression for resolved in selected)])
    rows = store.execute(f'SELECT {columns} {scope.sql()} WHERE t0."Id" = ?', (id_,))
    if not rows:
        raise SalesforceError("NOT_FOUND", "The requested resource does not exist", status=404)
    is_deleted, *values = rows[0]
    if is_deleted:
        raise entity_is_deleted()
    records = {
        path: None
        if parent_id is None
        else _attributes(scope.sobject_of(path, parent_id), parent_id, data_url)
        for path, parent_id in zip(ids, values, strict=False)
    }
    _fill(records, zip(selected, values[len(ids) :], strict=True))
    return records[()] or {}


def _attributes(sobject: str, id_: str, data_url: str) -> dict[str, Any]:
    return {"attributes": {"type": sobject, "url": f"{data_url}/sobjects/{sobject}/{id_}"}}


def _fill(
    records: dict[tuple[str, ...], dict[str, Any] | None], values: Iterable[tuple[Resolved, Any]]
) -> None:
    """Put each value into its record, and each parent (or None) under its relationship name."""
    for resolved, stored in values:
        for depth in range(1, len(resolved.path)):
            child = records[resolved.path[: depth - 1]]
            if child is not None:
                child.setdefault(resolved.path[depth - 1], records[resolved.path[:depth]])
        target = records[resolved.path[:-1]]
        if target is not None:
            target[resolved.field.name] = to_rest(resolved.field, stored)


def _path(name: str, names: Sequence[str], index: int) -> Path:
    column = sum(len(earlier) + 1 for earlier in names[:index]) + 1
    return Path(parts=tuple(name.strip().split(".")), place=Place(row=1, column=column))
