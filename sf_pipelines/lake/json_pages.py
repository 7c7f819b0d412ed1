"""Pages of REST JSON to the same typed rows that a Bulk result gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sf_pipelines.lake.types import time_of_day


def json_page_to_batch(records: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Records of a REST query as one batch.

    Args:
        records: JSON objects; a parent's field `Owner.Name` is in the nested object `Owner`.
    """
    columns = [_column([_value(record, field.name) for record in records], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _value(record: Mapping[str, Any], path: str) -> Any:
    value: Any = record
    for name in path.split("."):
        if value is None:
            return None
        value = value.get(name)
    return value


def _column(values: list[Any], wanted: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(wanted):
        # REST writes +0000 where ISO 8601 has a colon or Z ([R] salesforce-api.md 3.2)
        return pc.replace_substring(pa.array(values, pa.string()), "+0000", "Z").cast(wanted)
    if pa.types.is_date(wanted):
        return pa.array(values, pa.string()).cast(wanted)
    if pa.types.is_time(wanted):
        return time_of_day(pa.array(values, pa.string()))
    if pa.types.is_integer(wanted):
        return pa.array([None if value is None else int(value) for value in values], wanted)
    if pa.types.is_string(wanted):
        return pa.array([value or None for value in values], wanted)
    return pa.array(values, wanted)
