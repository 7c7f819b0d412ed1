"""Rows of a payload as the JSON records of a REST write."""

from __future__ import annotations

import math
import re
from typing import Any

import pyarrow as pa

from sf_pipelines.model.describe import FieldDescribe, SObjectDescribe

SET_NULL = "#N/A"
"""Bulk's own word for "set to null" ([D] BULKG 5.3): it means the same on the REST rail."""

_NUMBERS = frozenset({"int", "long", "double", "currency", "percent"})
# what a Bulk CSV may hold for a boolean ([I] salesforce-api.md 5.3)
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def to_json_records(batch: pa.RecordBatch, describe: SObjectDescribe, sobject: str) -> list[dict[str, Any]]:
    """Records for a REST write: nulls are left out, as an empty value is in a Bulk CSV.

    Names stay as the batch has them, `Account.External_Id__c` included: nesting is the rail's own matter.
    Text that does not parse as its field's type goes as it is: the org judges it, on either rail alike.
    """
    records: list[dict[str, Any]] = [{"attributes": {"type": sobject}} for _ in range(batch.num_rows)]
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        field = describe.field(name)
        for record, text in zip(records, column.to_pylist(), strict=True):
            if text is not None:
                record[name] = _json_value(text, field)
    return records


def _json_value(text: str, field: FieldDescribe | None) -> Any:
    if text == SET_NULL:
        return None
    kind = field.type.lower() if field is not None else "string"
    if kind in _NUMBERS:
        return _number(text)
    if kind == "boolean":
        return _BOOLEANS.get(text.lower(), text)
    return text


def _number(text: str) -> int | float | str:
    """The number that JSON can say; what Python alone would take for one (1_000, nan, inf) stays text."""
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
