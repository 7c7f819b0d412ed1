"""Columns of made-up values: names, places, numbers and dates, the same for the same seed.

Belongs here: makers of one column by a field's type. Not here: what an object is made of (recipes.py).
Imports the schema's nouns, Faker.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from faker import Faker

from sf_pipelines.emulator.schema.model import FieldSchema

# Words are drawn from pools of this size: Faker itself makes about 20,000 a second.
_POOL = 500
# The share of records of a skewed choice grows with this power: a few parents have most of the children.
_SKEW = 3.0


class Draw:
    """One object's source of randomness: the same seed and name give the same columns in the same order."""

    def __init__(self, seed: int, name: str, now: datetime, first_number: int) -> None:
        """`first_number` counts on from the records that the org has, so that keys stay unique."""
        self.random = random.Random(f"{seed}/{name}")
        self._faker_seed = f"{seed}/{name}"
        self.now = now
        self._pools: dict[str, list[str]] = {}
        self.first_number = first_number

    @cached_property
    def faker(self) -> Faker:
        """Words of the English locale."""
        faker = Faker("en_US")
        faker.seed_instance(self._faker_seed)
        return faker

    def pick(self, pool: Sequence[Any], count: int) -> list[Any]:
        """`count` members of `pool`, each as likely."""
        return self.random.choices(pool, k=count)

    def words(self, provider: str, count: int) -> list[str]:
        """`count` texts of a provider of Faker (`city`, `company`), drawn from a pool."""
        if provider not in self._pools:
            make = getattr(self.faker, provider)
            self._pools[provider] = [str(make()) for _ in range(_POOL)]
        return self.pick(self._pools[provider], count)

    def skewed(self, pool: Sequence[Any], count: int) -> list[Any]:
        """`count` members of `pool`, those at its beginning much more likely."""
        size, draw = len(pool), self.random.random
        return [pool[int(size * draw() ** _SKEW)] for _ in range(count)]

    def sometimes(self, values: list[Any], share: float) -> list[Any]:
        """`values` with all but about `share` of them null."""
        draw = self.random.random
        return [value if draw() < share else None for value in values]

    def numbers(self, count: int) -> range:
        """Consecutive numbers that no record of the object has yet."""
        return range(self.first_number, self.first_number + count)

    def days(self, count: int, first: int, last: int) -> list[str]:
        """Dates from `first` to `last` days after today."""
        today = self.now.date()
        pool = [(today + timedelta(days=offset)).isoformat() for offset in range(first, last + 1)]
        return self.pick(pool, count)

    def moments(self, count: int) -> list[str]:
        """DateTimes of the last year."""
        pool = [
            (self.now - timedelta(seconds=self.random.randrange(31_536_000))).astimezone(UTC)
            for _ in range(_POOL)
        ]
        return self.pick([f"{one:%Y-%m-%dT%H:%M:%S}.000Z" for one in pool], count)


def column_of(field: FieldSchema, draw: Draw, count: int) -> list[Any]:
    """`count` values that fit `field`, unique where it asks for that."""
    if field.unique or field.external_id:
        return _keys(field, draw, count)
    if field.type in ("picklist", "multipicklist", "combobox"):
        return draw.pick([entry.value for entry in field.picklist_values if entry.active], count)
    return _MAKERS[field.type](field, draw, count)


def _keys(field: FieldSchema, draw: Draw, count: int) -> list[Any]:
    numbers = draw.numbers(count)
    if field.type in ("int", "double"):
        return list(numbers)
    if field.type == "email":
        return [f"key{number}@seed.example" for number in numbers]
    width = min(9, field.length)
    return [f"S{number:0{max(width - 1, 1)}d}"[: field.length] for number in numbers]


def _text(field: FieldSchema, draw: Draw, count: int) -> list[Any]:
    return [value[: field.length] for value in draw.words("sentence", count)]


def _email(field: FieldSchema, draw: Draw, count: int) -> list[Any]:
    return draw.words("safe_email", count)


def _phone(field: FieldSchema, draw: Draw, count: int) -> list[Any]:
    return [f"+1 555 {number:07d}"[: field.length] for number in draw.pick(range(10_000_000), count)]


def _url(field: FieldSchema, draw: Draw, count: int) -> list[Any]:
    return [f"https://{word}.example" for word in draw.words("domain_word", count)]


def _boolean(field: FieldSchema, draw: Draw, count: int) -> list[Any]:
    return draw.pick((True, False), count)


def _int(field: FieldSchema, draw: Draw, count: int) -> list[Any]:
    return draw.pick(range(min(10**field.digits, 10_000)), count)


def _decimal(field: FieldSchema, draw: Draw, count: int) -> list[Any]:
    step, limit = 10**field.scale, min(10 ** (field.precision - field.scale), 100_000)
    return [number / step for number in draw.pick(range(limit * step), count)]


def _percent(field: FieldSchema, draw: Draw, count: int) -> list[Any]:
    return draw.pick(range(min(100, 10 ** (field.precision - field.scale))), count)


def _date(field: FieldSchema, draw: Draw, count: int) -> list[Any]:
    return draw.days(count, -365, 365)


def _datetime(field: FieldSchema, draw: Draw, count: int) -> list[Any]:
    return draw.moments(count)


def _time(field: FieldSchema, draw: Draw, count: int) -> list[Any]:
    return [f"{hour:02d}:30:00.000Z" for hour in draw.pick(range(24), count)]


_MAKERS: dict[str, Callable[[FieldSchema, Draw, int], list[Any]]] = {
    "string": _text,
    "textarea": _text,
    "email": _email,
    "phone": _phone,
    "url": _url,
    "boolean": _boolean,
    "int": _int,
    "double": _decimal,
    "currency": _decimal,
    "percent": _percent,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
}
