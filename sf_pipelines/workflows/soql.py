"""SOQL as text: made of API names and literals only, so that no value of a source can become a condition.

Asks nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from sf_pipelines.model.extract import IdRange
from sf_pipelines.model.slice import Window
from sf_pipelines.workflows.errors import SyncError

CHANGED_AT = "SystemModstamp"
"""The field that tells when a row was last changed, deletes and undeletes included."""


_NAME = re.compile(r"[A-Za-z]\w*(?:[.:][A-Za-z]\w*)*", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)
_ESCAPES = str.maketrans(
    {"\\": r"\\", "'": r"\'", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\b": r"\b", "\f": r"\f"}
)


def api_name(text: str) -> str:
    """The name of an object or field as it may stand in SOQL.

    Raises:
        SyncError: it is no name.
    """
    if _NAME.fullmatch(text) is None:
        raise SyncError(f"'{text}' is no API name: write one such as Account or External_Id__c.")
    return text


def text_literal(text: str) -> str:
    """A text in quotes, whatever it holds."""
    return f"'{text.translate(_ESCAPES)}'"


def number_literal(text: str) -> str | None:
    """A number; None for what is none, which no field of numbers can hold."""
    return text if _NUMBER.fullmatch(text) else None


def select(sobject: str, columns: Sequence[str], window: Window, ids: IdRange | None = None) -> str:
    """Columns of the rows changed in a window."""
    names = ", ".join(map(api_name, columns))
    return f"SELECT {names} {rows_from(sobject, window, ids)}"


def rows_from(sobject: str, window: Window, ids: IdRange | None = None) -> str:
    """The rows changed in a window, as SOQL goes on after what is selected."""
    return f"FROM {api_name(sobject)} WHERE {predicate(window, ids)}"


def predicate(window: Window, ids: IdRange | None = None) -> str:
    """The condition of a window, and of a range of Ids within it."""
    parts = [f"{CHANGED_AT} >= {soql_time(window.start)}", f"{CHANGED_AT} < {soql_time(window.end)}"]
    if ids is not None and ids.start is not None:
        parts.append(f"Id >= {text_literal(ids.start)}")
    if ids is not None and ids.end is not None:
        parts.append(f"Id < {text_literal(ids.end)}")
    return " AND ".join(parts)


def soql_time(when: datetime) -> str:
    """A moment as a SOQL literal, in whole milliseconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def select_by_ids(sobject: str, columns: Sequence[str], ids: Sequence[str]) -> str:
    """Columns of some records."""
    listed = ", ".join(f"'{id_}'" for id_ in ids)
    return f"SELECT {', '.join(columns)} FROM {sobject} WHERE Id IN ({listed})"
