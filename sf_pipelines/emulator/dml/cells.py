"""One REST-shaped value to its storage form, by field type.

Belongs here: parsers of single non-null values, compiled once for each field. Not here: whole columns
(convert.py), existence of referenced rows (references.py).
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from sf_pipelines.emulator.csv_values import NUMBER
from sf_pipelines.emulator.dml import errors
from sf_pipelines.emulator.ids import to_18
from sf_pipelines.emulator.schema.model import FieldSchema
from sf_pipelines.emulator.temporal import parse_date, parse_datetime, parse_time

Parse = Callable[[Any], Any]
"""A non-null value to its storage form (None for blank text); raises SalesforceError."""

_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}"
)
_DECIMALS = frozenset({"double", "currency", "percent"})
# Below 10^9 a double's error after shifting is under 10^-6, so that a value farther from a tie is decided.
_SAFE_SHIFTED, _NEAR_TIE = 1e9, 1e-6
_MIN_YEAR, _MAX_YEAR = "1700", "4000"
_MIN_EPOCH_MS, _MAX_EPOCH_MS = parse_datetime("1700-01-01T00:00:00Z"), parse_datetime("4001-01-01T00:00:00Z")


@lru_cache(maxsize=4096)
def cell_parser(field: FieldSchema) -> Parse:
    """The parser of `field`'s values."""
    return _MAKERS.get(field.type, _text)(field)


def text_column(field: FieldSchema, values: Sequence[Any]) -> list[Any] | None:
    """A whole column of non-blank, fitting texts in storage form; None when it must be parsed by cells."""
    is_plain = field.type not in _MAKERS or (field.type == "picklist" and not field.restricted_picklist)
    if not is_plain or not values:
        return None
    try:
        texts = list(map(str.strip, values))
    except TypeError:  # one of them isn't text
        return None
    return texts if all(texts) and max(map(len, texts)) <= field.length else None


def number_column(field: FieldSchema, values: Sequence[Any]) -> list[Any] | None:
    """A whole column of fitting numbers in storage form; None when it must be parsed by cells."""
    kinds = set(map(type, values))
    if field.type == "int" and kinds == {int}:
        limit = _int_limit(field)
        return list(values) if -limit < min(values) and max(values) < limit else None
    if field.type not in _DECIMALS or kinds != {float}:
        return None
    limit, factor, step = _decimal_form(field)
    if not (-limit < min(values) and max(values) < limit):
        return None
    rounded = _rounded_all(values, factor, step)
    return rounded if -limit < min(rounded) and max(rounded) < limit else None


def _text(field: FieldSchema) -> Parse:
    limit = field.length

    def parse(value: Any) -> str | None:
        if value.__class__ is not str:
            raise errors.wrong_json_type(field, value)
        text = value.strip()
        if len(text) > limit:
            raise errors.too_long(field, text)
        return text or None

    return parse


def _email(field: FieldSchema) -> Parse:
    parse_text = _text(field)

    def parse(value: Any) -> str | None:
        text = parse_text(value)
        if text is not None and not _EMAIL.fullmatch(text):
            raise errors.bad_email(field, text)
        return text

    return parse


def _picklist(field: FieldSchema) -> Parse:
    parse_text = _text(field)
    if not field.restricted_picklist:
        return parse_text
    known = {entry.value: entry.value for entry in field.picklist_values if entry.active}
    folded = {value.casefold(): value for value in known}

    def parse(value: Any) -> str | None:
        text = known.get(value) if value.__class__ is str else None
        text = text or parse_text(value)
        if text is None:
            return None
        found = folded.get(text.casefold())
        if found is None:
            raise errors.bad_picklist_value(field, text)
        return found

    return parse


def _multipicklist(field: FieldSchema) -> Parse:
    parse_text = _text(field)
    parse_one = _picklist(field)

    def parse(value: Any) -> str | None:
        text = parse_text(value)
        chosen = [parse_one(part) for part in (text or "").split(";") if part.strip()]
        return ";".join(part for part in chosen if part) or None

    return parse


def _boolean(field: FieldSchema) -> Parse:
    def parse(value: Any) -> int:
        if value is True or value is False:
            return int(value)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return int(value.lower() == "true")
        raise errors.wrong_json_type(field, value)

    return parse


def _float(field: FieldSchema, value: Any) -> float | None:
    """A JSON number, or text of one, as a finite float; blank text is null."""
    if isinstance(value, str):
        if not value.strip():
            return None
        if not NUMBER.fullmatch(value.strip()):
            raise errors.wrong_json_type(field, value)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise errors.wrong_json_type(field, value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise errors.out_of_range(field, value)
    return number


def _int(field: FieldSchema) -> Parse:
    limit = _int_limit(field)

    def parse(value: Any) -> int | None:
        number = _float(field, value)
        if number is None:
            return None
        if number != number // 1:
            raise errors.wrong_json_type(field, value)
        if abs(number) >= limit:
            raise errors.out_of_range(field, value)
        return int(number)

    return parse


def _decimal(field: FieldSchema) -> Parse:
    limit, factor, step = _decimal_form(field)

    def parse(value: Any) -> float | None:
        number = _float(field, value)
        if number is None:
            return None
        if number != number // 1 and abs(number) < limit:
            number = _rounded(number, factor, step)
        if abs(number) >= limit:
            raise errors.out_of_range(field, value)
        return number

    return parse


def _int_limit(field: FieldSchema) -> int:
    return min(10**field.digits, 2**31)


def _decimal_form(field: FieldSchema) -> tuple[float, float, Decimal]:
    """What the absolute value must stay below, what shifts it to an integer, its smallest step."""
    scale = field.scale
    return 10.0 ** (field.precision - scale), 10.0**scale, Decimal(1).scaleb(-scale)


def _rounded_all(numbers: Sequence[float], factor: float, step: Decimal) -> list[float]:
    """`_rounded` of each that isn't an integer; at once where all are small and none is near a tie."""
    raised = [number * factor + 0.5 for number in numbers]
    below = list(map(math.floor, raised))
    past_ties = list(map(operator.sub, raised, below))
    is_decided = min(past_ties) > _NEAR_TIE and max(past_ties) < 1 - _NEAR_TIE
    if is_decided and max(map(abs, raised)) < _SAFE_SHIFTED:
        return [integer / factor for integer in below]
    return [number if number.is_integer() else _rounded(number, factor, step) for number in numbers]


def _rounded(number: float, factor: float, step: Decimal) -> float:
    """Half up, as the decimal text of `number` reads; exact arithmetic only near a tie."""
    shifted = number * factor
    below = math.floor(shifted)
    past_tie = shifted - below - 0.5
    if abs(shifted) < _SAFE_SHIFTED and abs(past_tie) > _NEAR_TIE:
        return (below + (past_tie > 0)) / factor
    return float(Decimal(repr(number)).quantize(step, ROUND_HALF_UP))


def _date(field: FieldSchema) -> Parse:
    def parse(value: Any) -> str | None:
        if value == "":
            return None
        text = _parsed(field, parse_date, value)
        if not _MIN_YEAR <= text[:4] <= _MAX_YEAR:
            raise errors.date_out_of_range(field, value)
        return text

    return parse


def _datetime(field: FieldSchema) -> Parse:
    def parse(value: Any) -> int | None:
        if value == "":
            return None
        epoch_ms = _parsed(field, parse_datetime, value)
        if not _MIN_EPOCH_MS <= epoch_ms < _MAX_EPOCH_MS:
            raise errors.date_out_of_range(field, value)
        return epoch_ms

    return parse


def _time(field: FieldSchema) -> Parse:
    def parse(value: Any) -> int | None:
        return None if value == "" else _parsed(field, parse_time, value)

    return parse


def _parsed(field: FieldSchema, parse: Callable[[str], Any], value: Any) -> Any:
    if not isinstance(value, str):
        raise errors.wrong_json_type(field, value)
    try:
        return parse(value)
    except ValueError:
        raise errors.wrong_json_type(field, value) from None


def _reference(field: FieldSchema) -> Parse:
    def parse(value: Any) -> str | None:
        if value.__class__ is not str:
            raise errors.wrong_json_type(field, value)
        if not value:
            return None
        try:
            return to_18(value)
        except ValueError:
            raise errors.malformed_reference(field, value) from None

    return parse


_MAKERS: dict[str, Callable[[FieldSchema], Parse]] = {
    "email": _email,
    "picklist": _picklist,
    "multipicklist": _multipicklist,
    "boolean": _boolean,
    "int": _int,
    "double": _decimal,
    "currency": _decimal,
    "percent": _decimal,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
    "reference": _reference,
    "id": _reference,
}
