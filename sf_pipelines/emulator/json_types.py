"""How Salesforce's JSON parser tells a value of the wrong type ([R] section 3.5: its texts are Jackson's).

Belongs here: the one text that fields and request bodies share. Not here: JSON that can't be parsed at all
(http/json_text.py). Imports nothing of the emulator.
"""

from __future__ import annotations

from typing import Any

_TOKENS: dict[type, str] = {
    bool: "VALUE_TRUE",
    int: "VALUE_NUMBER_INT",
    float: "VALUE_NUMBER_FLOAT",
    str: "VALUE_STRING",
    dict: "START_OBJECT",
    list: "START_ARRAY",
    type(None): "VALUE_NULL",
}
_OPENERS = {"START_OBJECT": "{", "START_ARRAY": "["}


def cannot_deserialize(wanted: str, value: Any) -> str:
    """The text for a JSON `value` where a `wanted` (double, datetime, records, ...) belongs."""
    token = "VALUE_FALSE" if value is False else _TOKENS.get(type(value), "VALUE_STRING")
    shown = _OPENERS.get(token, _literal(value))
    return (
        f"Cannot deserialize instance of {wanted} from {token} value {shown} "
        "or request may be missing a required field at [line:1, column:1]"
    )


def _literal(value: Any) -> Any:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else value
