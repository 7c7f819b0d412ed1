"""The promise that a record has the same typed values whichever rail carried it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import fastavro
import orjson
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sf_pipelines.lake.change_rows import change_bodies_to_batch
from sf_pipelines.lake.csv_rows import read_csv_typed
from sf_pipelines.lake.json_pages import json_page_to_batch
from sf_pipelines.lake.types import arrow_schema
from sf_pipelines_tests.lake.samples import describe

TYPES = {
    "Name": "string",
    "Stage": "picklist",
    "Flag": "boolean",
    "Count": "int",
    "Big": "long",
    "Amount": "currency",
    "Day": "date",
    "At": "datetime",
    "Clock": "time",
}
THING = describe(**TYPES)
SCHEMA = arrow_schema(THING, tuple(TYPES))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

AVRO_TYPES = {
    "boolean": "boolean",
    "int": "int",
    "long": "long",
    "currency": "double",
    "date": "long",
    "datetime": "long",
    "time": "long",
}
"""salesforce-api.md section 7.2: everything textual is a string."""

FIRST_DAY, LAST_DAY = date(1700, 1, 1), date(4000, 12, 31)
AWKWARD = (
    "N/A", "#N/A", "NULL", "null", "nan", "true", "007", "1e5", "12.0", "1700-01-01", " ", "\n", "\r\n", "\r",
    '"', '""', ",", "a,b", 'say "hi"', "two\nlines", "\\", "\\N", "\ufeff", "\x00", "😀 東京", "-", "--",
)  # fmt: skip

texts = st.sampled_from(AWKWARD) | st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('",\r\n'), min_size=1
)
moments = st.datetimes(
    datetime.combine(FIRST_DAY, time.min), datetime.combine(LAST_DAY, time.max), timezones=st.just(UTC)
)


def _in_milliseconds(value: Any) -> Any:
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "Name": texts,
    "Stage": texts,
    "Flag": st.booleans(),
    "Count": st.integers(-(2**31), 2**31 - 1),
    "Big": st.integers(-(2**63), 2**63 - 1),
    "Amount": st.floats(allow_nan=False, allow_infinity=False),
    "Day": st.dates(FIRST_DAY, LAST_DAY),
    "At": moments.map(_in_milliseconds),
    "Clock": st.times().map(_in_milliseconds),
}
records = st.tuples(*(st.none() | VALUES[name] for name in TYPES)).map(
    lambda values: dict(zip(TYPES, values, strict=True))
)

Record = dict[str, Any]
NOTHING: Record = dict.fromkeys(TYPES)
EDGES: Record = {
    "Name": "N/A",
    "Stage": "#N/A",
    "Flag": False,
    "Count": -(2**31),
    "Big": 2**63 - 1,
    "Amount": 9.12260031e8,
    "Day": FIRST_DAY,
    "At": datetime(4000, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    "Clock": time(23, 59, 59, 999_000),
}


def _iso(value: Any) -> str:
    return value.replace(tzinfo=None).isoformat(timespec="milliseconds")


def _bulk_text(value: Any, *, is_scientific: bool) -> str:
    """A value as a Bulk query result writes it; whole numbers and doubles have two forms."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value}.0" if is_scientific else str(value)
        case float():
            return f"{value:.17E}" if is_scientific else repr(value)
        case datetime() | time():
            return f"{_iso(value)}Z"
        case _:
            return str(value)


def _rest_value(value: Any) -> Any:
    """A value as REST writes it into JSON."""
    match value:
        case datetime():
            return f"{_iso(value)}+0000"
        case time():
            return f"{_iso(value)}Z"
        case date():
            return value.isoformat()
        case _:
            return value


def _by_bulk(rows: Sequence[Record], *, is_scientific: bool) -> pa.Table:
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(TYPES)
    for row in rows:
        writer.writerow([_bulk_text(value, is_scientific=is_scientific) for value in row.values()])
    stream = io.BytesIO(written.getvalue().encode())
    return pa.Table.from_batches(read_csv_typed(stream, SCHEMA), SCHEMA)


def _by_rest(rows: Sequence[Record]) -> pa.Table:
    page = orjson.dumps([{name: _rest_value(value) for name, value in row.items()} for row in rows])
    return pa.Table.from_batches([json_page_to_batch(orjson.loads(page), SCHEMA)])


def _event_value(value: Any) -> Any:
    """A value as the Avro body of a change event holds it: moments are milliseconds."""
    match value:
        case datetime():
            return (value - EPOCH) // timedelta(milliseconds=1)
        case date():
            return (value - EPOCH.date()) // timedelta(milliseconds=1)
        case time():
            return (datetime.combine(EPOCH, value, UTC) - EPOCH) // timedelta(milliseconds=1)
        case _:
            return value


def _by_event(rows: Sequence[Record]) -> pa.Table:
    avro = fastavro.parse_schema(
        {
            "type": "record",
            "name": "ThingChangeEvent",
            "fields": [
                {"name": name, "type": ["null", AVRO_TYPES.get(kind, "string")], "default": None}
                for name, kind in TYPES.items()
            ],
        }
    )
    bodies: list[Any] = []
    for row in rows:
        written = io.BytesIO()
        fastavro.schemaless_writer(written, avro, {name: _event_value(value) for name, value in row.items()})
        bodies.append(fastavro.schemaless_reader(io.BytesIO(written.getvalue()), avro, None))
    return pa.Table.from_batches([change_bodies_to_batch(bodies, SCHEMA, THING)])


@settings(deadline=None, max_examples=150, derandomize=True, database=None)
@example(rows=[NOTHING], is_scientific=False)
@example(rows=[EDGES, NOTHING], is_scientific=True)
@given(rows=st.lists(records, min_size=1, max_size=6), is_scientific=st.booleans())
def test_a_record_is_the_same_by_bulk_by_rest_and_by_change_event(
    rows: list[Record], is_scientific: bool
) -> None:
    by_bulk = _by_bulk(rows, is_scientific=is_scientific)

    assert by_bulk.to_pylist() == rows
    assert by_bulk.equals(_by_rest(rows), check_metadata=True)
    assert by_bulk.equals(_by_event(rows), check_metadata=True)
