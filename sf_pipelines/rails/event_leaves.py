"""The values that events of an Avro schema can carry, with their types: what a table for them is shaped by.

Names are those of `event_layout`; types are the schema's own. Reads no event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from sf_pipelines.model.change import EventLeaf
from sf_pipelines.rails.event_layout import part_name

Records = dict[str, Sequence[Mapping[str, Any]]]


def read_leaves(schema_json: str) -> tuple[EventLeaf, ...]:
    """All leaves of a schema that the subscriber could read, in its order; the header has none."""
    records: Records = {}
    fields: list[Mapping[str, Any]] = orjson.loads(schema_json)["fields"]
    return tuple(leaf for item in fields[1:] for leaf in _leaves(item, records))


def _leaves(item: Mapping[str, Any], records: Records) -> Iterator[EventLeaf]:
    """A named type that was spelled out before is meant by its name alone later on."""
    name: str = item["name"]
    branches = _branches(item)
    parts: Sequence[Mapping[str, Any]] = ()
    for branch in branches:
        if isinstance(branch, dict) and branch.get("type") == "record":
            records[branch["name"]] = branch["fields"]
            branch = branch["name"]
        parts = records.get(str(branch).rpartition(".")[2], parts)
    plain = next((str(branch) for branch in branches if str(branch) in _PLAIN), None)
    if plain is not None:
        yield EventLeaf(name=name, avro_type=plain, doc_type=_doc_type(item))
    for part in parts:
        yield EventLeaf(
            name=part_name(name, part["name"]),
            avro_type=str(_branches(part)[0]),
            doc_type=_doc_type(part),
            compound=name,
            part=part["name"],
            is_alternative=plain is not None,
        )


_PLAIN = frozenset({"string", "boolean", "int", "long", "float", "double", "bytes"})


def _branches(item: Mapping[str, Any]) -> list[Any]:
    kinds: Any = item["type"]
    return [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind != "null"]


def _doc_type(item: Mapping[str, Any]) -> str | None:
    """The middle of `Role:SfType[:00N…]` ([R] AVSC)."""
    words = str(item.get("doc") or "").split(":")
    return words[1] if len(words) > 1 else None
