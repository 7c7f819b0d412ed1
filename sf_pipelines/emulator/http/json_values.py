"""Reads typed values out of the JSON object of a request body.

Belongs here: flags, lists of objects, lists of names, and their refusal. Not here: parsing (messages.py), the
fields of records (dml/). Imports json_types and messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sf_pipelines.emulator.http.messages import json_error
from sf_pipelines.emulator.json_types import cannot_deserialize

Body = Mapping[str, Any]


def read_flag(body: Body, name: str, *, default: bool = False) -> bool:
    """A boolean; absent or null is the default.

    Raises:
        SalesforceError: JSON_PARSER_ERROR for any other value.
    """
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise json_error(cannot_deserialize("boolean", value))
    return value


def read_objects(body: Body, name: str) -> list[dict[str, Any]]:
    """A list of objects; absent or null is empty.

    Raises:
        SalesforceError: JSON_PARSER_ERROR for any other value.
    """
    return [read_object(name, item) for item in _list(body, name)]


def read_object(name: str, value: Any) -> dict[str, Any]:
    """The value itself, which must be an object (`name` tells what it is for).

    Raises:
        SalesforceError: JSON_PARSER_ERROR for any other value.
    """
    if not isinstance(value, dict):
        raise json_error(cannot_deserialize(name, value))
    return value


def read_names(body: Body, name: str) -> list[str]:
    """A list of texts; absent or null is empty.

    Raises:
        SalesforceError: JSON_PARSER_ERROR for any other value.
    """
    names = _list(body, name)
    for one in names:
        if not isinstance(one, str):
            raise json_error(cannot_deserialize("string", one))
    return names


def _list(body: Body, name: str) -> list[Any]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise json_error(cannot_deserialize(name, value))
    return value
