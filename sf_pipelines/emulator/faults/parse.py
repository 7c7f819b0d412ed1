"""Reads a fault from the JSON of a control call.

Belongs here: checking names, types and ranges. Not here: keeping faults (book.py). Imports kinds, rule and
the JSON error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sf_pipelines.emulator.faults.kinds import KINDS, Kind
from sf_pipelines.emulator.faults.rule import Fault, Schedule, Scope
from sf_pipelines.emulator.http.messages import json_error

_SCOPE = {
    "call": ("method", "path"),
    "job": ("object", "operation"),
    "event": ("object", "change"),
    "stream": ("topic",),
}
_SCHEDULE = ("nth", "every", "first", "probability")
_COMMON = ("name", "kind", "seed", *_SCHEDULE)


def read_fault(body: Mapping[str, Any], *, name: str) -> Fault:
    """The fault that `body` asks for, called `name` unless it says otherwise.

    Raises:
        SalesforceError: 400, the text names the wrong key and what it takes.
    """
    kind_name = body.get("kind")
    kind = KINDS.get(kind_name) if isinstance(kind_name, str) else None
    if kind is None or not isinstance(kind_name, str):
        raise json_error(f"The kind of a fault is one of {', '.join(KINDS)}")
    scope_keys = _SCOPE[kind.target]
    moments = ("when",) if kind.target == "call" else ()
    known = {*_COMMON, *scope_keys, *moments, *kind.options}
    for key in body:
        if key not in known:
            raise json_error(f"A fault of kind {kind_name} has no {key}: it takes {', '.join(sorted(known))}")
    if "/" in (_text(body, "name") or ""):
        raise json_error("The name of a fault has no slash, since it stands in the path of its resource")
    scope = {key: _text(body, key) for key in scope_keys}
    return Fault(
        name=_text(body, "name") or name,
        kind=kind_name,
        target=kind.target,
        scope=Scope(**{"sobject" if key == "object" else key: value for key, value in scope.items()}),
        schedule=_schedule(body),
        when=_moment(body),
        seed=_whole(body, "seed", 0) or 0,
        options={key: _option(body, kind, key) for key in kind.options},
    )


def _schedule(body: Mapping[str, Any]) -> Schedule:
    given = [key for key in _SCHEDULE if body.get(key) is not None]
    if len(given) > 1:
        raise json_error(f"A fault takes one of {', '.join(_SCHEDULE)}, not {' and '.join(given)}")
    share = body.get("probability")
    if share is not None and not (_is_number(share) and 0 <= share <= 1):
        raise json_error("The probability of a fault is a number from 0 to 1")
    return Schedule(
        nth=_whole(body, "nth", 1),
        every=_whole(body, "every", 1),
        first=_whole(body, "first", 1),
        probability=share,
    )


def _moment(body: Mapping[str, Any]) -> Any:
    moment = body.get("when", "before")
    if moment not in ("before", "after"):
        raise json_error("A fault happens before or after the effect: when is one of the two words")
    return moment


def _text(body: Mapping[str, Any], key: str) -> str | None:
    value = body.get(key)
    if value is not None and (not isinstance(value, str) or not value):
        raise json_error(f"The {key} of a fault is a text")
    return value


def _whole(body: Mapping[str, Any], key: str, least: int) -> int | None:
    value = body.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
        raise json_error(f"The {key} of a fault is a whole number from {least} on")
    return value


def _option(body: Mapping[str, Any], kind: Kind, key: str) -> Any:
    default = kind.options[key]
    value = body.get(key, default)
    if isinstance(default, float):
        is_right = _is_number(value) and value >= 0 and (key != "share" or value <= 1)
    else:
        is_right = isinstance(value, type(default)) and (
            isinstance(default, bool) or not isinstance(value, bool)
        )
    if not is_right or (key == "status" and not 200 <= value <= 599):
        raise json_error(f"The {key} of a fault can't be {value!r}: an example is {default!r}")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
