"""Seeds an org: parents first, in batches through the org's own rules.

Belongs here: choosing parents, and writing. Not here: values (recipes.py), reading a wish (plan.py).
Imports org, plan, recipes, values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema
from sf_pipelines.emulator.seed.plan import SeedError, SeedPlan
from sf_pipelines.emulator.seed.recipes import Columns, columns_of
from sf_pipelines.emulator.seed.values import Draw

BATCH_ROWS = 10_000
# The share of records that a look-up which may be empty is filled in of.
_FILLED_SHARE = 0.9
# Look-ups that stay empty: to itself (a tree isn't made), and those that another look-up implies.
_LEFT_EMPTY = frozenset(
    {("Case", "AccountId"), ("Opportunity", "ContactId"), ("Opportunity", "Pricebook2Id")}
)
_PAIRS = {"PricebookEntry": ("Product2Id", "Pricebook2Id"), "CampaignMember": ("ContactId", "CampaignId")}
"""Objects whose records are one for each pair of parents: the first parent varies fastest."""


def seed_org(org: Org, plan: SeedPlan) -> dict[str, int]:
    """Make the plan's records in `org`; what was made of each object.

    All of it happens together, or nothing. It makes no change events: these records were always there.

    Raises:
        SeedError: an object that records need has none, or a rule of the org's schema refuses a record.
    """
    with org.changes.capture.paused(), org.transaction():
        for name, count in plan.counts.items():
            _seed_object(org, org.schema.object(name), count, plan.seed)
    return dict(plan.counts)


def _seed_object(org: Org, item: ObjectSchema, count: int, seed: int) -> None:
    there = org.query(f"SELECT COUNT() FROM {item.name}", include_deleted=True).total_size
    draw = Draw(seed, f"{item.name}/{there}", org.clock.now(), there + 1)
    pairs = _pairs(org, item)
    parents = {field: _ids(org, field) for field in _look_ups(item)}
    for start in range(0, count, BATCH_ROWS):
        size = min(BATCH_ROWS, count - start)
        columns = columns_of(item, draw, size)
        _add_parents(item, parents, draw, size, columns)
        _add_pairs(item, pairs, size, columns)
        _write(org, item, columns, size)
        draw.first_number += size


def _write(org: Org, item: ObjectSchema, columns: Columns, size: int) -> None:
    names = list(columns)
    records = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    try:
        results = org.create(item.name, records or [{}] * size)
    except SalesforceError as error:
        raise SeedError(f"The org refuses made-up records of {item.name}: {error}") from error
    refused = next((result.errors[0] for result in results if not result.success), None)
    if refused is not None:
        raise SeedError(f"The org refuses a made-up record of {item.name}: {refused}")


def _look_ups(item: ObjectSchema) -> list[FieldSchema]:
    paired = _PAIRS.get(item.name, ())
    return [
        field
        for field in item.fields
        if field.type == "reference"
        and field.createable
        and not field.defaulted_on_create
        and item.name not in field.reference_to
        and (item.name, field.name) not in _LEFT_EMPTY
        and (not paired or field.custom)
    ]


def _ids(org: Org, field: FieldSchema) -> list[str]:
    """The ids of the first object that the look-up may point at and that has records."""
    for name in field.reference_to:
        if org.schema.find(name) is not None:
            ids = [row[0] for row in org.query(f"SELECT Id FROM {name}").rows]
            if ids:
                return ids
    return []


def _add_parents(
    item: ObjectSchema, parents: Mapping[FieldSchema, list[str]], draw: Draw, size: int, columns: Columns
) -> None:
    for field, ids in parents.items():
        must = field.required or (item.name == "OpportunityLineItem" and not field.custom)
        if ids:
            chosen = draw.skewed(ids, size)
            columns[field.name] = chosen if must else draw.sometimes(chosen, _FILLED_SHARE)
        elif must:
            raise SeedError(
                f"{item.name} needs records of {' or '.join(field.reference_to)}: seed some of them too."
            )


def _pairs(org: Org, item: ObjectSchema) -> Iterator[tuple[str, str]]:
    """The pairs of parents that no record has yet."""
    if item.name not in _PAIRS:
        return iter(())
    first, second = _PAIRS[item.name]
    taken = set(org.query(f"SELECT {first}, {second} FROM {item.name}").rows)
    fields = [item.field(name) for name in (second, first)]
    ids = [_ids(org, field) if field is not None else [] for field in fields]
    return ((b, a) for a, b in product(*ids) if (b, a) not in taken)


def _add_pairs(
    item: ObjectSchema, pairs: Iterator[tuple[str, str]], size: int, columns: dict[str, list[Any]]
) -> None:
    if item.name not in _PAIRS:
        return
    chosen = list(islice(pairs, size))
    first, second = _PAIRS[item.name]
    if len(chosen) < size:
        raise SeedError(
            f"{item.name} has one record at most for each pair of {first} and {second}, and there are not "
            "enough of them: seed more parents, or fewer records."
        )
    columns[first] = [pair[0] for pair in chosen]
    columns[second] = [pair[1] for pair in chosen]
