"""What to seed: how many records of which objects, by which seed.

Belongs here: reading and checking a wish, and the order in which objects must come. Not here: values
(values.py, recipes.py), writing (run.py). Imports the schema's nouns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from sf_pipelines.emulator.schema.model import ObjectSchema, OrgSchema

DEFAULT_SEED = 7
_LINE_ITEMS = "OpportunityLineItem"
_NEEDED = {_LINE_ITEMS: ("PricebookEntry", "Opportunity"), "PricebookEntry": ("Product2",),
           "CampaignMember": ("Campaign",)}  # fmt: skip
_UNSEEDED = frozenset({"User", "Pricebook2"})


class SeedError(ValueError):
    """A wish that can't be met. The text says why, and what to write."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedPlan:
    """Counts by object, parents before their children."""

    seed: int
    counts: Mapping[str, int]

    @classmethod
    def of(cls, schema: OrgSchema, wish: Mapping[str, Any]) -> SeedPlan:
        """The plan of `{"seed": 7, "objects": {"Account": 1000}}`.

        Raises:
            SeedError: a key, an object or a count isn't of that form.
        """
        unknown = set(wish) - {"seed", "objects"}
        seed, objects = wish.get("seed", DEFAULT_SEED), wish.get("objects")
        if unknown or not isinstance(seed, int) or isinstance(seed, bool) or not isinstance(objects, dict):
            raise SeedError('Send {"seed": number, "objects": {"Account": count, ...}}.')
        counts = dict(_count(schema, name, count) for name, count in cast("dict[Any, Any]", objects).items())
        return cls(seed=seed, counts={name: counts[name] for name in _ordered(schema, counts)})

    @classmethod
    def parse(cls, schema: OrgSchema, text: str) -> SeedPlan:
        """The plan of `Account=1000,Contact=5000`, or of a YAML or JSON file with `seed` and `objects`.

        Raises:
            SeedError: the text is neither, or the file can't be read.
        """
        if "=" not in text:
            return cls.of(schema, _read(Path(text)))
        objects: dict[str, int] = {}
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            name, _, count = part.partition("=")
            if not count.strip().isdecimal():
                raise SeedError(f"'{part}' isn't a count of an object: write, for example, Account=1000.")
            objects[name.strip()] = int(count)
        return cls.of(schema, {"objects": objects})


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content: object = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SeedError(
            f"{path} is no seed file that can be read ({error}); name one, or write "
            "Account=1000,Contact=5000."
        ) from error
    if not isinstance(content, dict):
        raise SeedError(f"{path} must hold `objects:` with a count for each object, and perhaps `seed:`.")
    return cast("dict[str, Any]", content)


def _count(schema: OrgSchema, name: Any, count: Any) -> tuple[str, int]:
    item = schema.find(name) if isinstance(name, str) else None
    if item is None or item.name in _UNSEEDED or not item.createable:
        raise SeedError(f"{name!r} isn't an object that can be seeded.")
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise SeedError(f"The count of {item.name} must be a whole number from 0 on, not {count!r}.")
    return item.name, count


def _ordered(schema: OrgSchema, counts: Mapping[str, int]) -> list[str]:
    """Parents before children; a circle is cut where it is met."""
    ordered: list[str] = []
    walking: set[str] = set()

    def visit(item: ObjectSchema) -> None:
        if item.name in walking or item.name in ordered:
            return
        walking.add(item.name)
        for parent in sorted(_parents(item)):
            if parent in counts and (found := schema.find(parent)) is not None:
                visit(found)
        ordered.append(item.name)

    for name in sorted(counts):
        visit(schema.object(name))
    return ordered


def _parents(item: ObjectSchema) -> set[str]:
    named = {
        name
        for field in item.fields
        if field.createable and field.type == "reference"
        for name in field.reference_to
    }
    return named | set(_NEEDED.get(item.name, ()))
