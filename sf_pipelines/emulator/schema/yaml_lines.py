"""YAML to plain values, with the line of every key.

Belongs here: parsing, double keys, lines. Not here: what a key means (loader.py). Imports errors only.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml

from sf_pipelines.emulator.schema.errors import SchemaError

KeyPath = tuple[Hashable, ...]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One parsed file: `lines` maps the path of a key (and of a list's item) to its 1-based line."""

    source: str
    content: Any
    lines: Mapping[KeyPath, int]

    @contextmanager
    def at(self, *path: Hashable) -> Generator[None, None, None]:
        """Put file and line of the key at `path` before the text of a SchemaError of the block."""
        try:
            yield
        except SchemaError as error:
            if str(error).startswith(self.source):
                raise
            line = self._line(path)
            raise SchemaError(f"{self.source}{line}: {error}") from None

    def _line(self, path: KeyPath) -> str:
        while path and path not in self.lines:
            path = path[:-1]
        return f", line {self.lines[path]}" if path in self.lines else ""


def parse_yaml(text: str, source: str) -> Document:
    """The document of `text`; an empty one has an empty mapping.

    Raises:
        SchemaError: it isn't YAML, or a mapping has a key twice.
    """
    lines: dict[KeyPath, int] = {}
    loader = _LOADER(text)
    try:
        node: Any = loader.get_single_node()
        if node is None:
            return Document(source=source, content={}, lines=lines)
        _note(node, (), lines, source)
        content: Any = loader.construct_document(node)
    except yaml.YAMLError as error:
        raise SchemaError(f"{source} isn't valid YAML: {error}") from error
    finally:
        loader.dispose()
    return Document(source=source, content=content, lines=lines)


def _note(node: Any, path: KeyPath, lines: dict[KeyPath, int], source: str) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            if inner in lines:
                raise SchemaError(
                    f"{source}, line {key.start_mark.line + 1}: {key.value} stands here twice; remove one."
                )
            lines[inner] = key.start_mark.line + 1
            _note(value, inner, lines, source)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[*path, index] = value.start_mark.line + 1
            _note(value, (*path, index), lines, source)
