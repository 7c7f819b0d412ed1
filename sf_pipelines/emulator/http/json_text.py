"""The texts of JSON_PARSER_ERROR for a body that isn't JSON ([I]: worded as the Jackson parser words them).

Belongs here: where and why parsing stopped. Not here: JSON of the wrong type (json_types.py). Imports orjson.
"""

from __future__ import annotations

import re

import orjson

# [R] the answer to a write without a body.
NO_BODY = "The HTTP entity body is required, but this request has no entity body."
_VALID_VALUE = "expected a valid value (number, String, array, object, 'true', 'false' or 'null')"
_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_MOST_TOKEN_CHARACTERS = 50


def syntax_message(error: orjson.JSONDecodeError) -> str:
    """What is wrong at the place where the parser stopped, with line and column."""
    place = f"at [line:{error.lineno}, column:{error.colno}]"
    return f"{_reason(error.doc[error.pos :])} {place}"


def _reason(rest: str) -> str:
    if not rest.strip():
        return "Unexpected end-of-input"
    word = _WORD.match(rest)
    if word is not None:
        token = word[0][:_MOST_TOKEN_CHARACTERS]
        return f"Unrecognized token '{token}': was expecting ('true', 'false' or 'null')"
    return f"Unexpected character ('{rest[0]}' (code {ord(rest[0])})): {_VALID_VALUE}"
