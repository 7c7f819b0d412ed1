"""API versions: which are served, what `/services/data/` lists, and how a wrong one is refused.

Belongs here: version numbers and labels. Imports errors and envelope.
"""

from __future__ import annotations

import re
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.envelope import not_found

OLDEST, NEWEST = 58, 66
# [D] end-of-life policy: 7 to 20 went in Summer '22, 21 to 30 in Summer '25.
_RETIRED = range(7, 31)
_SEASONS = ("Summer", "Winter", "Spring")
_SHAPE = re.compile(r"v([1-9][0-9]?)\.0", re.ASCII)


def served_version(segment: str) -> str:
    """The version that a path segment names: "62.0" for "v62.0".

    Raises:
        SalesforceError: 410 GONE for a retired version, 404 NOT_FOUND for any other that isn't served.
    """
    shape = _SHAPE.fullmatch(segment)
    number = int(shape[1]) if shape else 0
    if number in _RETIRED:
        message = f"API version {number}.0 is retired and no longer available: use a newer version"
        raise SalesforceError("GONE", message, status=410)
    if not OLDEST <= number <= NEWEST:
        raise not_found()
    return f"{number}.0"


def version_list() -> list[dict[str, Any]]:
    """The body of `/services/data/`, oldest first ([D] RESTG versions)."""
    return [_entry(number) for number in range(OLDEST, NEWEST + 1)]


def _entry(number: int) -> dict[str, str]:
    return {"label": _label(number), "url": f"/services/data/v{number}.0", "version": f"{number}.0"}


def _label(number: int) -> str:
    """58 is Summer '23; three releases a year; a Winter release carries the coming year's number."""
    release = number - 58
    year = 23 + (release + 2) // 3
    return f"{_SEASONS[release % 3]} '{year}"
