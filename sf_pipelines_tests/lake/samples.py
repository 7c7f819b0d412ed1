"""Small syncs, batches and describes for the tests of the lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from sf_pipelines.model.describe import FieldDescribe, SObjectDescribe
from sf_pipelines.model.rail import Operation
from sf_pipelines.model.sync import FieldMapping, LoadSync, Source, SourceKind


def text_batch(columns: Mapping[str, Sequence[str | None]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array(values, pa.string()) for values in columns.values()], names=list(columns)
    )


def load_sync(*fields: FieldMapping, key: str = "Key__c") -> LoadSync:
    return LoadSync(
        name="account_load",
        sobject="Account",
        operation=Operation.UPSERT,
        key=key,
        source=Source(kind=SourceKind.TABLE, location="crm.account"),
        fields=fields
        or (FieldMapping(field="Key__c", column="key"), FieldMapping(field="Name", column="name")),
    )


def describe(**types: str) -> SObjectDescribe:
    return SObjectDescribe(
        name="Thing__c",
        key_prefix="a00",
        createable=True,
        updateable=True,
        deletable=True,
        queryable=True,
        fields={name: FieldDescribe(name=name, type=type_) for name, type_ in types.items()},
    )
