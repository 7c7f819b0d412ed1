"""References: parents by external id become ids; a referenced row must exist, live and match the filter.

Belongs here: set-based look-ups of parents. Not here: the form of an id (cells.py).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, cast

from sf_pipelines.emulator.absent import ABSENT
from sf_pipelines.emulator.dml import errors
from sf_pipelines.emulator.dml.batch import Batch
from sf_pipelines.emulator.dml.cells import cell_parser
from sf_pipelines.emulator.dml.writer import Stamp
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.expressions import with_time
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema, OrgSchema
from sf_pipelines.emulator.schema.rules import LookupFilter
from sf_pipelines.emulator.store import Store, fold, quoted


def resolve_parents(batch: Batch, store: Store) -> None:
    """Replace each nested parent object by the parent's id in the reference's column."""
    for reference, nested in batch.parents.items():
        wanted: dict[tuple[str, FieldSchema], dict[int, Any]] = {}
        ids = list(batch.columns.get(reference, [ABSENT] * batch.size))
        for row, value in enumerate(nested):
            if value is None:
                ids[row] = None
            elif value is not ABSENT:
                _want(batch, row, reference, store.schema, value, wanted)
        for (parent, key), values in wanted.items():
            _look_up(batch, store, store.schema.object(parent), key, values, ids)
        batch.columns[reference] = ids


def _parent(schema: OrgSchema, reference: FieldSchema, value: Mapping[str, Any]) -> ObjectSchema | None:
    """The object that a nested parent is of: by its `attributes.type`, else the first that the org has."""
    attributes: Any = value.get("attributes")
    named: Any = attributes.get("type") if isinstance(attributes, Mapping) else None
    known = [found for name in reference.reference_to if (found := schema.find(name)) is not None]
    if isinstance(named, str):
        known = [item for item in known if item.name.lower() == named.lower()]
    return known[0] if known else None


def _want(
    batch: Batch,
    row: int,
    reference: FieldSchema,
    schema: OrgSchema,
    value: Any,
    wanted: dict[tuple[str, FieldSchema], dict[int, Any]],
) -> None:
    """Note the parent's object, the key field and the value that one row names its parent by."""
    if not isinstance(value, Mapping):
        batch.fail(row, errors.wrong_json_type(reference, value))
        return
    nested = cast("Mapping[str, Any]", value)
    parent = _parent(schema, reference, nested)
    if parent is None:
        batch.fail(row, errors.no_such_parent(reference))
        return
    names = [name for name in nested if name not in ("attributes", "type")]
    key = parent.field(names[0]) if len(names) == 1 else None
    if key is None or not key.is_key:
        batch.fail(row, errors.not_a_key(", ".join(names), parent))
        return
    try:
        stored = cell_parser(key)(nested[names[0]]) if nested[names[0]] is not None else None
    except SalesforceError as error:
        batch.fail(row, error)
        return
    wanted.setdefault((parent.name, key), {})[row] = stored


def _look_up(
    batch: Batch, store: Store, parent: ObjectSchema, key: FieldSchema, values: dict[int, Any], ids: list[Any]
) -> None:
    folded = {row: fold(key, value) for row, value in values.items()}
    found = store.find_by_key(parent, key, [value for value in folded.values() if value is not None])
    for row, value in folded.items():
        matches = found.get(value, [])
        if len(matches) == 1:
            ids[row] = matches[0]
        elif matches:
            batch.fail(row, errors.parents_found(values[row], key, parent))
        else:
            batch.fail(row, errors.parent_not_found(values[row], key, parent))


def check_references(batch: Batch, store: Store, stamp: Stamp) -> None:
    """Every id in a reference column must be of a right object, exist, live, and match the look-up's filter.

    [I] a filter is asked at each write that names its field, whether or not the value is another one.
    """
    for field, values in batch.columns.items():
        if field.type != "reference":
            continue
        distinct = {value for value in values if value}
        problems = _problems(field, distinct, store)
        if field.lookup_filter is not None:
            problems |= _left_out(field, field.lookup_filter, distinct - problems.keys(), store, stamp)
        if problems:
            for row, value in enumerate(values):
                if value in problems:
                    batch.fail(row, problems[value])


def _problems(field: FieldSchema, ids: set[str], store: Store) -> dict[str, SalesforceError]:
    problems: dict[str, SalesforceError] = {}
    by_parent: dict[str, list[str]] = {}
    for id_ in ids:
        parent = store.schema.by_prefix(id_[:3])
        if parent is not None and parent.name in field.reference_to:
            by_parent.setdefault(parent.name, []).append(id_)
        elif parent is not None or all(store.schema.find(name) for name in field.reference_to):
            problems[id_] = errors.wrong_reference_type(field, id_)
    for name, wanted in by_parent.items():
        found = dict(store.select_in(f'SELECT "Id", "IsDeleted" FROM {quoted(name)}', "Id", wanted))
        for id_ in wanted:
            if id_ not in found:
                problems[id_] = errors.unknown_id()
            elif found[id_]:
                problems[id_] = errors.entity_is_deleted()
    return problems


def _left_out(
    field: FieldSchema, lookup_filter: LookupFilter, ids: set[str], store: Store, stamp: Stamp
) -> dict[str, SalesforceError]:
    """The ids whose records a filter doesn't match, or can't be asked of."""
    refusal = errors.filter_refused(field, lookup_filter)
    condition = with_time(lookup_filter.condition, stamp.today, stamp.epoch_ms)
    select = f'SELECT "Id" FROM {quoted(field.reference_to[0])}'
    try:
        matching = {row[0] for row in store.select_in(select, "Id", ids, f"AND ({condition})")}
    except sqlite3.Error:
        matching = set[str]()
    return {id_: refusal for id_ in ids - matching}
