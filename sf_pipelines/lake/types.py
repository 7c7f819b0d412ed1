"""Arrow schemas from describe: Salesforce's types as salesforce-api.md section 12 maps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from sf_pipelines.lake.errors import LakeError
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


def arrow_schema(
    describe: SObjectDescribe,
    fields: Sequence[str],
    *,
    parents: Mapping[str, SObjectDescribe] | None = None,
) -> pa.Schema:
    """Schema of the named fields in the given order; each keeps its Salesforce type as metadata `sf_type`.

    Args:
        describe: the object of the query.
        fields: API names; a parent's field is `Owner.Name`.
        parents: describes of the parents by relationship path, `Owner` or `Account.Owner`.

    Raises:
        LakeError: a field that no given describe has.
    """
    return pa.schema([_arrow_field(name, describe, parents or {}) for name in fields])


def _arrow_field(path: str, describe: SObjectDescribe, parents: Mapping[str, SObjectDescribe]) -> pa.Field:
    relationship, _, name = path.rpartition(".")
    owner = parents.get(relationship) if relationship else describe
    field = owner.field(name) if owner is not None else None
    if field is None:
        raise LakeError(f"{describe.name} has no field {path} in its describe: remove it, or check its name.")
    full_name = f"{relationship}.{field.name}" if relationship else field.name
    return pa.field(full_name, arrow_type(field), metadata={b"sf_type": field.type.encode()})
