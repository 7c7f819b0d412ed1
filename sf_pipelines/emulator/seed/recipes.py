"""What a made-up record of each standard object looks like; any other object is made by its fields' types.

Belongs here: which fields are filled, and with what. Not here: makers by type (values.py), parents and
writing (run.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema
from sf_pipelines.emulator.seed.values import Draw, column_of

Columns = dict[str, list[Any]]
Recipe = Callable[[ObjectSchema, Draw, int], Columns]
# Written by the org, chosen as parents, or parts of what a recipe leaves alone.
_LEFT_TO_OTHERS = frozenset({"reference", "id", "address"})


def columns_of(item: ObjectSchema, draw: Draw, count: int) -> Columns:
    """`count` records of `item` as columns, references left out."""
    recipe = _RECIPES.get(item.name)
    columns = recipe(item, draw, count) if recipe is not None else {}
    for field in item.fields:
        if field.name not in columns and _is_wanted(field, has_recipe=recipe is not None):
            columns[field.name] = column_of(field, draw, count)
    return columns


def _is_wanted(field: FieldSchema, *, has_recipe: bool) -> bool:
    if not field.createable or field.type in _LEFT_TO_OTHERS:
        return False
    return field.required or field.custom or not has_recipe


def _picked(item: ObjectSchema, draw: Draw, count: int, *names: str) -> Columns:
    """Columns by the fields' own types."""
    fields = [field for name in names if (field := item.field(name)) is not None]
    return {field.name: column_of(field, draw, count) for field in fields}


def _person(draw: Draw, count: int) -> Columns:
    first = draw.words("first_name", count)
    last = draw.words("last_name", count)
    numbers = draw.numbers(count)
    return {
        "FirstName": first,
        "LastName": last,
        "Email": [
            f"{a}.{b}{number}@mail.example".lower().replace(" ", "").replace("'", "")
            for a, b, number in zip(first, last, numbers, strict=True)
        ],
        "Title": [job[:128] for job in draw.words("job", count)],
    }


def _place(draw: Draw, count: int, prefix: str) -> Columns:
    return {
        prefix + "Street": draw.words("street_address", count),
        prefix + "City": [city[:40] for city in draw.words("city", count)],
        prefix + "State": draw.words("state_abbr", count),
        prefix + "PostalCode": draw.words("postcode", count),
        prefix + "Country": ["United States"] * count,
    }


def _account(item: ObjectSchema, draw: Draw, count: int) -> Columns:
    names = draw.words("company", count)
    numbers = draw.numbers(count)
    return {
        "Name": [f"{name} {number}" for name, number in zip(names, numbers, strict=True)],
        "Website": [f"https://www.company{number}.example" for number in numbers],
        "AnnualRevenue": [number * 10_000 for number in draw.pick(range(1, 100_000), count)],
        "NumberOfEmployees": draw.skewed(range(1, 50_000), count),
        **_picked(item, draw, count, "Type", "Industry", "Phone", "Rating"),
        **_place(draw, count, "Billing"),
    }


def _contact(item: ObjectSchema, draw: Draw, count: int) -> Columns:
    return {**_person(draw, count), **_picked(item, draw, count, "Phone", "LeadSource")}


def _lead(item: ObjectSchema, draw: Draw, count: int) -> Columns:
    company = draw.words("company", count)
    picked = _picked(item, draw, count, "Phone", "LeadSource", "Industry", "Rating")
    return {**_person(draw, count), "Company": company, **picked, **_place(draw, count, "")}


def _opportunity(item: ObjectSchema, draw: Draw, count: int) -> Columns:
    goods = draw.words("bs", count)
    return {
        "Name": [f"{name} {number}"[:120] for name, number in zip(goods, draw.numbers(count), strict=True)],
        "Amount": [number * 100 for number in draw.skewed(range(10, 20_000), count)],
        "CloseDate": draw.days(count, -180, 180),
        **_picked(item, draw, count, "StageName", "Type", "LeadSource"),
    }


def _product(item: ObjectSchema, draw: Draw, count: int) -> Columns:
    names, numbers = draw.words("catch_phrase", count), draw.numbers(count)
    return {
        "Name": [f"{name} {number}" for name, number in zip(names, numbers, strict=True)],
        "ProductCode": [f"P-{number:06d}" for number in numbers],
        "IsActive": [True] * count,
    }


def _entry(item: ObjectSchema, draw: Draw, count: int) -> Columns:
    return {"UnitPrice": draw.skewed(range(5, 5_000), count), "IsActive": [True] * count}


def _line_item(item: ObjectSchema, draw: Draw, count: int) -> Columns:
    return {"Quantity": draw.skewed(range(1, 100), count), "UnitPrice": draw.skewed(range(5, 5_000), count)}


def _case(item: ObjectSchema, draw: Draw, count: int) -> Columns:
    subject = draw.words("sentence", count)
    return {
        "Subject": subject,
        **_picked(item, draw, count, "Status", "Origin", "Priority", "Type", "Reason"),
    }


def _task(item: ObjectSchema, draw: Draw, count: int) -> Columns:
    return {
        "ActivityDate": draw.days(count, -90, 90),
        **_picked(item, draw, count, "Subject", "Status", "Priority"),
    }


def _campaign(item: ObjectSchema, draw: Draw, count: int) -> Columns:
    names = draw.words("catch_phrase", count)
    return {
        "Name": [f"{name[:60]} {number}" for name, number in zip(names, draw.numbers(count), strict=True)],
        "StartDate": draw.days(count, -180, 0),
        "EndDate": draw.days(count, 1, 180),
        **_picked(item, draw, count, "Type", "Status", "IsActive"),
    }


def _member(item: ObjectSchema, draw: Draw, count: int) -> Columns:
    return _picked(item, draw, count, "Status")


_RECIPES: Mapping[str, Recipe] = {
    "Account": _account,
    "Contact": _contact,
    "Lead": _lead,
    "Opportunity": _opportunity,
    "Product2": _product,
    "PricebookEntry": _entry,
    "OpportunityLineItem": _line_item,
    "Case": _case,
    "Task": _task,
    "Campaign": _campaign,
    "CampaignMember": _member,
}
