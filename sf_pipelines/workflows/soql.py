"""The SOQL of an extract: which rows, as text. Asks nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sf_pipelines.model.extract import IdRange
from sf_pipelines.model.slice import Window

CHANGED_AT = "SystemModstamp"
"""The field that tells when a row was last changed, deletes and undeletes included."""


def select(sobject: str, columns: Sequence[str], window: Window, ids: IdRange | None = None) -> str:
    """Columns of the rows changed in a window."""
    return f"SELECT {', '.join(columns)} FROM {sobject} WHERE {predicate(window, ids)}"


def predicate(window: Window, ids: IdRange | None = None) -> str:
    """The condition of a window, and of a range of Ids within it."""
    parts = [f"{CHANGED_AT} >= {soql_time(window.start)}", f"{CHANGED_AT} < {soql_time(window.end)}"]
    if ids is not None and ids.start is not None:
        parts.append(f"Id >= '{ids.start}'")
    if ids is not None and ids.end is not None:
        parts.append(f"Id < '{ids.end}'")
    return " AND ".join(parts)


def soql_time(when: datetime) -> str:
    """A moment as a SOQL literal, in whole milliseconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"
