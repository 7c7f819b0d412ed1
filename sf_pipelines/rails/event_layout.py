"""The Avro schema of a change event as a layout: which bit of a bitmap is which field ([D] CDCG, 7.3).

Bit i of a bitmap is the i-th field of the record, counted from the header as 0; `4-0x01` is bit 0 within the
record that field 4 holds. Parts of a compound field go by the names that the object's describe gives them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

HEADER = "ChangeEventHeader"

_BITMAP_CACHE_SIZE = 10_000


class BitmapError(ValueError):
    """A bitmap that does not fit the schema it came with."""


@dataclass(frozen=True, slots=True)
class EventField:
    """One field behind the header.

    Attributes:
        parts: of a compound field, Avro name to the name in the object's describe; empty for others.
        is_plain_too: whether it holds a text in place of the parts, as Name of Account does where an org has
            person accounts.
    """

    name: str
    parts: Mapping[str, str]
    is_plain_too: bool = False


@dataclass(frozen=True, slots=True)
class EventLayout:
    """Fields of one schema in their order, the header left out."""

    fields: tuple[EventField, ...]
    _known: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict[Any, Any])

    def names(self, bitmaps: Sequence[str]) -> tuple[str, ...]:
        """The fields that bitmaps stand for, in the order of the schema.

        Raises:
            BitmapError: a bit stands for no field.
        """
        key = tuple(bitmaps)
        known = self._known.get(key)
        if known is None:
            known = self._read(key)
            if len(self._known) < _BITMAP_CACHE_SIZE:
                self._known[key] = known
        return known

    def values(self, record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """All that is set in a decoded event, by name."""
        for item in self.fields:
            value = record[item.name]
            if isinstance(value, dict):
                yield from self._parts(item, value)
            elif value is not None:
                yield item.name, value

    @staticmethod
    def _parts(item: EventField, value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for part, name in item.parts.items():
            if value.get(part) is not None:
                yield name, value[part]

    def _read(self, bitmaps: Sequence[str]) -> tuple[str, ...]:
        nested = [bitmap.partition("-") for bitmap in bitmaps if "-" in bitmap]
        whole = {index for bitmap in bitmaps if "-" not in bitmap for index in _bits(bitmap)}
        parts = {_whole_number(index): set(_bits(bits)) for index, _, bits in nested}
        return tuple(name for index in sorted(whole | set(parts)) for name in self._named(index, parts))

    def _named(self, index: int, parts: Mapping[int, set[int]]) -> Sequence[str]:
        if index == 0:
            return ()
        if index > len(self.fields):
            raise BitmapError(f"bit {index} stands for no field of the schema, which has {len(self.fields)}")
        item = self.fields[index - 1]
        names = list(item.parts.values())
        if index not in parts:
            return [item.name] if item.is_plain_too else names or [item.name]
        if max(parts[index], default=0) >= len(names):
            raise BitmapError(f"a bit of {item.name} stands for no part of it, of which it has {len(names)}")
        return [names[bit] for bit in sorted(parts[index])]


def read_layout(schema: Mapping[str, Any]) -> EventLayout:
    """The layout of a schema as JSON gives it.

    Raises:
        ValueError: it is not the schema of a change event.
    """
    fields = schema.get("fields")
    if not isinstance(fields, list) or not fields or fields[0].get("name") != HEADER:
        raise ValueError(f"its first field is not {HEADER}")
    records: dict[str, Sequence[Any]] = {}
    return EventLayout(tuple(_field(item, records) for item in fields[1:]))


def part_name(compound: str, part: str) -> str:
    """A part of a compound field as the object's describe names it ([D] object reference).

    BillingAddress and City make BillingCity, Address and City make City, Name and LastName make LastName;
    of custom fields, Site__c and Latitude make Site__Latitude__s.
    """
    if compound.endswith("__c"):
        return f"{compound.removesuffix('c')}{part}__s"
    if compound == "Name":
        return part
    return compound.removesuffix("Address") + part


def _field(item: Mapping[str, Any], records: dict[str, Sequence[Any]]) -> EventField:
    """A named type that was spelled out before is meant by its name alone later on."""
    name: str = item["name"]
    branches = item["type"] if isinstance(item["type"], list) else [item["type"]]
    for branch in branches:
        if isinstance(branch, dict) and branch.get("type") == "record":
            records[branch["name"]] = [part["name"] for part in branch["fields"]]
            branch = branch["name"]
        parts = records.get(str(branch).rpartition(".")[2])
        if parts is not None:
            named = {part: part_name(name, part) for part in parts}
            return EventField(name, named, is_plain_too="string" in branches)
    return EventField(name, {})


def _bits(bitmap: str) -> Iterator[int]:
    try:
        bits = int(bitmap, 16)
    except ValueError:
        raise BitmapError(f"'{bitmap}' is no bitmap") from None
    return (index for index in range(bits.bit_length()) if bits >> index & 1)


def _whole_number(text: str) -> int:
    if not text.isdecimal():
        raise BitmapError(f"'{text}' is no index of a field")
    return int(text)
