"""SOQL literals to storage form, checked against the type of the field they are compared with.

Belongs here: escapes, LIKE patterns, types of literals. Not here: SQL (filters.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sf_pipelines.emulator.ids import to_18
from sf_pipelines.emulator.schema.model import FieldSchema
from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.dates import date_range
from sf_pipelines.emulator.soql.nodes import Place, Value
from sf_pipelines.emulator.temporal import parse_date, parse_datetime, to_epoch_ms

# [D] LIM: characters of one string literal; the text of the refusal is [I].
MAX_LITERAL_CHARS = 4_000
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))|(%)|(_)", re.DOTALL)
_PLAIN = {"n": "\n", "N": "\n", "r": "\r", "R": "\r", "t": "\t", "T": "\t", "b": "\b", "B": "\b", "f": "\f",
          "F": "\f", '"': '"', "'": "'", "\\": "\\", "_": "_", "%": "%"}  # fmt: skip
_LIKE_SPECIAL = frozenset("%_\\")


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A half-open range of storage values: what a date literal or a day means."""

    start: Any
    end: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Literals:
    """Turns the literals of one query into storage values."""

    soql: str
    now: datetime

    def stored(self, place: Place, field: FieldSchema, value: Value) -> Any:
        """The storage value, None for null and '', or a Span for a date literal.

        Raises:
            SalesforceError: INVALID_FIELD for a literal of another type, INVALID_QUERY_FILTER_OPERATOR for
                a bad id, MALFORMED_QUERY for a name that is no date literal or a bad escape.
        """
        if value.kind == "null":
            return None
        if value.kind == "name":
            return self._named(field, value)
        return _READERS.get(field.type, _read_text)(self, place, field, value)

    def text(self, value: Value) -> str:
        """The characters of a string literal, escapes resolved."""
        return self._unescape(value, like=False)

    def like_pattern(self, field: FieldSchema, value: Value) -> str:
        r"""The pattern for SQL's LIKE with ESCAPE '\': wildcards stay, escaped ones are literal."""
        if value.kind != "string":
            raise errors.wrong_criterion(self.soql, field, value)
        return self._unescape(value, like=True)

    def wrong(self, field: FieldSchema, value: Value) -> Exception:
        """The error of a literal of another type."""
        return errors.wrong_criterion(self.soql, field, value)

    def _unescape(self, value: Value, *, like: bool) -> str:
        if len(value.text) - 2 > MAX_LITERAL_CHARS:
            message = f"String literal is longer than {MAX_LITERAL_CHARS} characters."
            raise errors.malformed(self.soql, value.place, message)

        def replace(match: re.Match[str]) -> str:
            code, escaped, percent, underscore = match.groups()
            if percent or underscore:
                return match[0]
            plain = chr(int(code, 16)) if code else _PLAIN.get(escaped)
            if plain is None:
                illegal = f"Illegal character sequence '\\{escaped}' in string literal."
                message = f"Invalid string literal {value.text}. {illegal}"
                raise errors.malformed(self.soql, value.place, message)
            return "\\" + plain if like and plain in _LIKE_SPECIAL else plain

        return self._paired(value, _ESCAPE.sub(replace, value.text[1:-1]))

    def _paired(self, value: Value, text: str) -> str:
        """The text with surrogate pairs, which two escapes may have written, joined to one character."""
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16") if not text.isascii() else text
        except UnicodeDecodeError:
            message = f"Invalid string literal {value.text}. Half of a surrogate pair in string literal."
            raise errors.malformed(self.soql, value.place, ascii(message)[1:-1]) from None

    def _named(self, field: FieldSchema, value: Value) -> Span:
        days = date_range(value.text, self.now.date())
        if days is None:
            raise errors.unexpected_token(self.soql, value.place, value.text)
        if field.type == "date":
            return Span(start=days[0].isoformat(), end=days[1].isoformat())
        if field.type == "datetime":
            return Span(start=_midnight_ms(days[0]), end=_midnight_ms(days[1]))
        raise self.wrong(field, value)


def _midnight_ms(day: date) -> int:
    return to_epoch_ms(datetime.combine(day, time(), tzinfo=UTC))


def _read_text(literals: Literals, _place: Place, field: FieldSchema, value: Value) -> str | None:
    if value.kind != "string":
        raise literals.wrong(field, value)
    return literals.text(value) or None


def _read_id(literals: Literals, place: Place, field: FieldSchema, value: Value) -> str | None:
    if value.kind != "string":
        raise literals.wrong(field, value)
    text = literals.text(value)
    if not text:
        return None
    try:
        return to_18(text)
    except ValueError:
        raise errors.wrong_operator(literals.soql, place, f"invalid ID field: {text}") from None


def _read_number(literals: Literals, _place: Place, field: FieldSchema, value: Value) -> float:
    if value.kind != "number" or (field.type == "int" and not float(value.text).is_integer()):
        raise literals.wrong(field, value)
    return float(value.text)


def _read_boolean(literals: Literals, _place: Place, field: FieldSchema, value: Value) -> int:
    if value.kind != "boolean":
        raise literals.wrong(field, value)
    return int(value.text.lower() == "true")


def _read_date(literals: Literals, _place: Place, field: FieldSchema, value: Value) -> str:
    if value.kind != "date":
        raise literals.wrong(field, value)
    try:
        return parse_date(value.text)
    except ValueError:
        raise errors.malformed(literals.soql, value.place, f"Invalid date: {value.text}") from None


def _read_datetime(literals: Literals, _place: Place, field: FieldSchema, value: Value) -> int:
    if value.kind != "datetime":
        raise literals.wrong(field, value)
    try:
        return parse_datetime(value.text)
    except ValueError:
        raise errors.malformed(literals.soql, value.place, f"Invalid datetime: {value.text}") from None


_READERS: dict[str, Callable[[Literals, Place, FieldSchema, Value], Any]] = {
    "id": _read_id,
    "reference": _read_id,
    "boolean": _read_boolean,
    "int": _read_number,
    "double": _read_number,
    "currency": _read_number,
    "percent": _read_number,
    "date": _read_date,
    "datetime": _read_datetime,
}
