"""Columns of text to the types of a schema: where text becomes a value, for CSV and JSON alike."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

import pyarrow as pa
import pyarrow.compute as pc

from sf_pipelines.lake.errors import MisfitError


def typed_column(texts: pa.Array, field: pa.Field) -> pa.Array:
    """A text column as its field's type; null stays null.

    Whole numbers may come as `12.0` or `1.2E1`, doubles as `9.1E8` ([C] EST, salesforce-api.md section 12);
    datetimes end in `Z` (Bulk) or `+0000` (REST); times are `HH:mm:ss.SSSZ`.

    Raises:
        MisfitError: a value is not of the type; the message names column and value.
    """
    if texts.type == field.type:
        return texts
    try:
        return _parser(field.type)(texts, field.type)
    except (pa.ArrowInvalid, InvalidOperation) as error:
        raise misfit(field, error) from error


def misfit(field: pa.Field, error: Exception) -> MisfitError:
    """The error of a value that is not of its field's type."""
    reason = str(error).splitlines()[0].rstrip(".")
    return MisfitError(f"The column {field.name} holds a value that is no {field.type} ({reason}).")


def _parser(wanted: pa.DataType) -> Callable[[pa.Array, pa.DataType], pa.Array]:
    if pa.types.is_integer(wanted):
        return _integers
    if pa.types.is_time(wanted):
        return _times
    return _cast


def _cast(texts: pa.Array, wanted: pa.DataType) -> pa.Array:
    return texts.cast(wanted)


def _integers(texts: pa.Array, wanted: pa.DataType) -> pa.Array:
    try:
        return texts.cast(wanted)
    except pa.ArrowInvalid:
        # exact for 64 bits, which a detour over doubles would not be
        return pa.array([None if text is None else _whole(text) for text in texts.to_pylist()], wanted)


def _whole(text: str) -> int:
    number = Decimal(text)
    if not number.is_finite() or number != number.to_integral_value():
        raise pa.ArrowInvalid(f"'{text}' is not a whole number")
    return int(number)


def _times(texts: pa.Array, wanted: pa.DataType) -> pa.Array:
    # Arrow parses no times, but datetimes
    dated = pc.replace_substring_regex(texts, "^", "1970-01-01T")
    return dated.cast(pa.timestamp("ms", "UTC")).cast(wanted)
