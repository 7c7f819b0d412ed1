"""Rows of a payload as the JSON records of a REST write."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from sf_pipelines.model.describe import FieldDescribe, SObjectDescribe

_NUMBERS = frozenset({"int", "long", "double", "currency", "percent"})
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def to_json_records(batch: pa.RecordBatch, describe: SObjectDescribe) -> list[dict[str, Any]]:
    """Records for Collections: nulls are left out, as an empty value is in a Bulk CSV.

    Text that does not parse as its field's type goes as it is: the org judges it, on either rail alike.
    """
    records: list[dict[str, Any]] = [{} for _ in range(batch.num_rows)]
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        field = describe.field(name)
        for record, text in zip(records, column.to_pylist(), strict=True):
            if text is not None:
                record[name] = _json_value(text, field)
    return records


def _json_value(text: str, field: FieldDescribe | None) -> Any:
    if text == "#N/A":
        # the Bulk word for "set to null" means the same here
        return None
    kind = field.type if field is not None else "string"
    if kind in _NUMBERS:
        return _number(text)
    if kind == "boolean":
        return _BOOLEANS.get(text.lower(), text)
    return text


def _number(text: str) -> Any:
    for parse in (int, float):
        try:
            return parse(text)
        except ValueError:
            continue
    return text
