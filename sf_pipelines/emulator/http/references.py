"""`@{ref.field}`: values of earlier answers inside later subrequests of a composite.

Belongs here: reading and filling references. Not here: running subrequests (composite.py). Imports errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from sf_pipelines.emulator.errors import SalesforceError

_REFERENCE = re.compile(r"@\{([^{}]*)\}")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d{1,6})\]")
ROLLED_BACK = "The transaction was rolled back since another operation in the same transaction failed."


def fill_url(url: str, answers: Mapping[str, Any]) -> str:
    """The URL with each reference replaced by its value, percent-encoded."""
    return _REFERENCE.sub(lambda found: quote(_text(_resolve(found[1], answers)), safe=""), url)


def fill_value(value: Any, answers: Mapping[str, Any]) -> Any:
    """A JSON value with its references replaced; a text that is only a reference takes the value's own type.

    Args:
        value: any JSON value.
        answers: body of each answered subrequest by referenceId; a failed one isn't there.

    Raises:
        SalesforceError: PROCESSING_HALTED, when a reference leads nowhere.
    """
    if isinstance(value, dict):
        return {name: fill_value(item, answers) for name, item in value.items()}
    if isinstance(value, list):
        return [fill_value(item, answers) for item in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole is not None:
        return _resolve(whole[1], answers)
    return _REFERENCE.sub(lambda found: _text(_resolve(found[1], answers)), value)


def reference_ids(value: Any) -> set[str]:
    """The referenceIds that a URL or a JSON body refers to."""
    if isinstance(value, dict):
        return set[str]().union(*map(reference_ids, value.values()))
    if isinstance(value, list):
        return set[str]().union(*map(reference_ids, value))
    if not isinstance(value, str):
        return set()
    return {str(steps[0]) for path in _REFERENCE.findall(value) if (steps := _steps(path))}


def _steps(path: str) -> list[str | int]:
    return [name or int(index) for name, index in _STEP.findall(path)]


def _resolve(path: str, answers: Mapping[str, Any]) -> Any:
    steps = _steps(path)
    if not steps or steps[0] not in answers:
        raise halted(ROLLED_BACK)
    value: Any = answers[str(steps[0])]
    for step in steps[1:]:
        value = _step_into(value, step, path)
    return value


def _step_into(value: Any, step: str | int, path: str) -> Any:
    try:
        return value[step]
    except (KeyError, IndexError, TypeError) as error:
        raise halted(f"Invalid reference specified. No value for {path} found") from error


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def halted(message: str = ROLLED_BACK) -> SalesforceError:
    """400 PROCESSING_HALTED ([R] section 3.4)."""
    return SalesforceError("PROCESSING_HALTED", message)
