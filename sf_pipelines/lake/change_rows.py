"""Bodies of change events to the same typed rows that REST and Bulk give ([D] CDCG 7.2).

Events carry moments as milliseconds, and the parts of a compound field inside a record of its own. Which
fields an event changes is told by its header, and is the subscriber's matter, not this module's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from sf_pipelines.lake.typed_columns import misfit
from sf_pipelines.model.describe import FieldDescribe, SObjectDescribe

DAY_MILLISECONDS = 86_400_000

_CUSTOM, _CUSTOM_PART, _ADDRESS = "__c", "__s", "Address"


def change_bodies_to_batch(
    bodies: Sequence[Mapping[str, Any]], schema: pa.Schema, describe: SObjectDescribe
) -> pa.RecordBatch:
    """Decoded Avro bodies of one object's events as one batch.

    A field that the body lacks, or that the org does not tell in events (`SystemModstamp`, `IsDeleted`), is
    null: who knows better from the header sets it in the body.

    Args:
        bodies: field to value, the header left out; moments in epoch milliseconds.
        schema: names and types, as from `arrow_schema`.

    Raises:
        MisfitError: a value is not of its field's type; the message names the column.
    """
    columns = [
        _column([_value(body, describe.fields[field.name]) for body in bodies], field) for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def part_name(field: FieldDescribe) -> str | None:
    """How a part of a compound field is called inside it: `Street` for `BillingStreet`; None for others."""
    whole = field.compound_field_name
    if whole is None or whole == field.name:
        return None
    if whole.endswith(_CUSTOM):
        return field.name.removeprefix(f"{whole.removesuffix(_CUSTOM)}__").removesuffix(_CUSTOM_PART)
    return field.name.removeprefix(whole.removesuffix(_ADDRESS)) if whole.endswith(_ADDRESS) else field.name


def _value(body: Mapping[str, Any], field: FieldDescribe) -> Any:
    if field.name in body:
        return body[field.name]
    part = part_name(field)
    whole = body.get(field.compound_field_name or "") if part else None
    return whole.get(part) if isinstance(whole, Mapping) else None


def _column(values: list[Any], field: pa.Field) -> pa.Array:
    try:
        return _builder(field.type)(values, field.type)
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise misfit(field, error) from error


def _builder(wanted: pa.DataType) -> Callable[[list[Any], pa.DataType], pa.Array]:
    if pa.types.is_string(wanted):
        return lambda values, kind: pa.array([value or None for value in values], kind)
    if pa.types.is_date(wanted):
        return lambda values, kind: pa.array(_days(values), pa.int32()).cast(kind)
    if pa.types.is_timestamp(wanted):
        return lambda values, kind: pa.array(values, pa.int64()).cast(kind)
    if pa.types.is_time(wanted):
        return lambda values, kind: pa.array(values, pa.int32()).cast(kind)
    if pa.types.is_struct(wanted):
        return lambda values, kind: pa.array([_struct(value) for value in values], kind)
    return lambda values, kind: pa.array(values, kind)


def _days(values: list[Any]) -> list[int | None]:
    """Dates come as the milliseconds of their midnight in UTC."""
    if any(value is not None and value % DAY_MILLISECONDS for value in values):
        raise ValueError("a date is not at midnight")
    return [None if value is None else value // DAY_MILLISECONDS for value in values]


def _struct(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Events write `StateCode` where REST writes `stateCode`."""
    if value is None:
        return None
    return {name[:1].lower() + name[1:]: part for name, part in value.items()}
