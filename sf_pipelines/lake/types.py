"""Arrow schemas from describe: Salesforce's types as salesforce-api.md section 12 maps them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from sf_pipelines.model.describe import FieldDescribe, SObjectDescribe

ADDRESS = pa.struct(
    [
        *((name, pa.string()) for name in ("street", "city", "state", "stateCode", "postalCode", "country",
                                           "countryCode", "geocodeAccuracy")),
        ("latitude", pa.float64()),
        ("longitude", pa.float64()),
    ]
)  # fmt: skip
LOCATION = pa.struct([("latitude", pa.float64()), ("longitude", pa.float64())])

_TYPES = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "double": pa.float64(),
    "percent": pa.float64(),
    # the org itself keeps a double behind a currency
    "currency": pa.float64(),
    "date": pa.date32(),
    "datetime": pa.timestamp("ms", tz="UTC"),
    "time": pa.time32("ms"),
    "address": ADDRESS,
    "location": LOCATION,
}


def arrow_type(field: FieldDescribe) -> pa.DataType:
    """Arrow type of a field; everything textual is text."""
    return _TYPES.get(field.type.lower(), pa.string())


def arrow_schema(describe: SObjectDescribe, fields: Sequence[str]) -> pa.Schema:
    """Schema of the named fields in the given order; each keeps its Salesforce type as metadata."""
    described = [describe.fields[name] for name in fields]
    return pa.schema(
        [
            pa.field(field.name, arrow_type(field), metadata={b"sf_type": field.type.encode()})
            for field in described
        ]
    )


def time_of_day(column: pa.Array) -> pa.Array:
    """Text like `12:00:00.000Z` as time32[ms]; pyarrow casts text to times of day only by way of a date."""
    dated = pc.replace_substring_regex(pc.utf8_rtrim(column, "Z"), "^", "1970-01-01T")
    return dated.cast(pa.timestamp("ms")).cast(pa.time32("ms"))
