"""Answers of the org that are made wrong and still look sound.

Belongs here: changed headers, counters and compressed bodies. Not here: broken connections (transport.py).
Imports exchange.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from sf_pipelines.emulator.faults.exchange import Answer

_RECORD_COUNT = "Sforce-NumberOfRecords"
_COUNTERS = {"processed": "numberRecordsProcessed", "failed": "numberRecordsFailed"}


def mutate(kind: str, options: Mapping[str, Any], answer: Answer) -> None:
    """Change `answer` in place; a kind that changes none leaves it alone."""
    change = _CHANGES.get(kind)
    if change is not None:
        change(options, answer)


def _wrong_record_count(options: Mapping[str, Any], answer: Answer) -> None:
    told = answer.headers.get(_RECORD_COUNT)
    if told is not None:
        answer.headers[_RECORD_COUNT] = str(int(told) + options["add"])


def _wrong_counters(options: Mapping[str, Any], answer: Answer) -> None:
    is_packed = answer.headers.get("content-encoding") == "gzip"
    content = gzip.decompress(answer.body) if is_packed else answer.body
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError:
        return
    if not isinstance(told, dict):
        return
    for option, key in _COUNTERS.items():
        if key in told:
            told[key] += options[option]
    content = orjson.dumps(told)
    answer.body = gzip.compress(content, mtime=0) if is_packed else content


def _truncate_gzip(options: Mapping[str, Any], answer: Answer) -> None:
    """The HTTP message is whole, the gzip stream in it isn't."""
    packed = answer.body
    if answer.headers.get("content-encoding") != "gzip":
        packed = gzip.compress(answer.body, mtime=0)
        answer.headers["content-encoding"] = "gzip"
    answer.body = packed[: int(len(packed) * options["share"])]


_CHANGES: Mapping[str, Callable[[Mapping[str, Any], Answer], None]] = {
    "wrong_record_count": _wrong_record_count,
    "wrong_counters": _wrong_counters,
    "truncate_gzip": _truncate_gzip,
}
