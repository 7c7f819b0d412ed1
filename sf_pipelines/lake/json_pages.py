"""Pages of REST JSON to the same typed rows that a Bulk result gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa

from sf_pipelines.lake.typed_columns import misfit, typed_column


def json_page_to_batch(records: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Records of a REST query as one batch.

    Args:
        records: JSON objects; a parent's field `Owner.Name` is in the nested object `Owner`.
        schema: names and types, as from `arrow_schema`.

    Raises:
        MisfitError: a value is not of its field's type; the message names the column.
    """
    columns = [_column([_value(record, field.name) for record in records], field) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _value(record: Mapping[str, Any], path: str) -> Any:
    value: Any = record
    for name in path.split("."):
        if value is None:
            return None
        value = value.get(name)
    return value


def _column(values: list[Any], field: pa.Field) -> pa.Array:
    is_text = all(value is None or isinstance(value, str) for value in values)
    if is_text and not pa.types.is_struct(field.type):
        return typed_column(pa.array([value or None for value in values], pa.string()), field)
    if pa.types.is_string(field.type):
        return pa.array([_text(value) for value in values], pa.string())
    if pa.types.is_integer(field.type):
        # by way of text, since Arrow would cut the fraction off a double without a word
        return typed_column(pa.array([_text(value) for value in values], pa.string()), field)
    try:
        if pa.types.is_floating(field.type):
            # Arrow takes no whole number beyond 2**53 for a double, a CSV reader rounds it
            values = [None if value is None else float(value) for value in values]
        return pa.array(values, field.type)
    except (ValueError, TypeError, OverflowError) as error:
        raise misfit(field, error) from error


def _text(value: Any) -> str | None:
    """A value of a field without a type of its own (anyType, json) as the text that a Bulk CSV has for it."""
    if value is None or isinstance(value, str):
        return value or None
    return orjson.dumps(value).decode()
