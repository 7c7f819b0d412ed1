"""Merging into a real PostgreSQL: what wins, what is counted, what is refused, and what is left behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from multiprocessing import get_context
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from sqlalchemy import Engine, text

from sf_pipelines.lake.errors import LakeError, WarehouseError
from sf_pipelines.lake.types import arrow_schema
from sf_pipelines.lake.warehouse import MergeResult, merge_into_raw, warehouse_count
from sf_pipelines.model.slice import Window
from sf_pipelines_tests.lake.samples import describe

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
NARROW = arrow_schema(
    describe(Id="id", Name="string", SystemModstamp="datetime"), ("Id", "Name", "SystemModstamp")
)


def _rows(*rows: tuple[str | None, str | None, datetime]) -> list[pa.RecordBatch]:
    values = [dict(zip(NARROW.names, row, strict=True)) for row in rows]
    return [pa.RecordBatch.from_pylist(values, NARROW)]


def _merge(url: str, batches: Sequence[pa.RecordBatch]) -> MergeResult:
    return merge_into_raw(url, sobject="Thing__c", schema=NARROW, batches=batches)


ROWS_OF_WRITER = 500


def _version(row: int, writer: int) -> int:
    """Which of four writers has the newest version differs from row to row."""
    return (row * 7 + writer * 13) % 29


def _write_versions(url: str, writer: int) -> MergeResult:
    versions = ((row, _version(row, writer)) for row in range(ROWS_OF_WRITER))
    rows = [(f"{row:04d}", str(version), NOON + timedelta(days=version)) for row, version in versions]
    return _merge(url, _rows(*rows))


def _names(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        rows = connection.execute(text('SELECT "Id", "Name" FROM raw.thing__c ORDER BY "Id"'))
        return {row[0]: row[1] for row in rows}


def test_every_type_arrives_as_its_own_column_type(database_url: str, engine: Engine) -> None:
    types = {
        "Id": "id", "Flag": "boolean", "Count": "int", "Big": "long", "Amount": "currency", "Day": "date",
        "SystemModstamp": "datetime", "Clock": "time", "Billing": "address",
    }  # fmt: skip
    schema = arrow_schema(describe(**types), tuple(types))
    row: dict[str, Any] = {
        "Id": "001",
        "Flag": True,
        "Count": -(2**31),
        "Big": 2**63 - 1,
        "Amount": 0.1,
        "Day": date(1700, 1, 1),
        "SystemModstamp": datetime(4000, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        "Clock": time(23, 59, 59, 999_000),
        "Billing": {"street": 'a "b"\nc', "city": None, "latitude": 1.5},
    }
    nothing = {**dict.fromkeys(types), "Id": "002", "SystemModstamp": NOON}
    batch = pa.RecordBatch.from_pylist([row, nothing], schema)

    merge_into_raw(database_url, sobject="Thing__c", schema=schema, batches=[batch])

    with engine.connect() as connection:
        stored = connection.execute(
            text('SELECT *, "SystemModstamp"::text AS at_text FROM raw.thing__c ORDER BY "Id"').columns()
        ).mappings()
        full, empty = [dict(found) for found in stored]
    assert {name: full[name] for name in types if name not in ("SystemModstamp", "Billing")} == {
        name: value for name, value in row.items() if name not in ("SystemModstamp", "Billing")
    }
    assert full["SystemModstamp"] == row["SystemModstamp"]
    assert full["Billing"]["street"] == 'a "b"\nc'
    assert full["Billing"]["latitude"] == 1.5
    assert [empty[name] for name in types if name not in ("Id", "SystemModstamp")] == [None] * 7


def test_the_newer_version_wins_and_the_same_or_an_older_one_changes_nothing(
    database_url: str, engine: Engine
) -> None:
    later, earlier = NOON + timedelta(milliseconds=1), NOON - timedelta(milliseconds=1)
    first = _merge(database_url, _rows(("1", "a", NOON), ("2", "a", NOON), ("3", "a", NOON)))
    second = _merge(
        database_url, _rows(("1", "b", later), ("2", "b", NOON), ("3", "b", earlier), ("4", "b", NOON))
    )

    assert first == MergeResult(staged=3, inserted=3, updated=0, unchanged=0)
    assert second == MergeResult(staged=4, inserted=1, updated=1, unchanged=2)
    assert _names(engine) == {"1": "b", "2": "a", "3": "a", "4": "b"}


def test_of_a_key_that_comes_twice_the_newest_row_counts(database_url: str, engine: Engine) -> None:
    later = NOON + timedelta(seconds=1)

    result = _merge(database_url, _rows(("1", "new", later), ("1", "old", NOON), ("2", "x", NOON)))

    assert result == MergeResult(staged=3, inserted=2, updated=0, unchanged=1)
    assert _names(engine) == {"1": "new", "2": "x"}


def test_keys_that_differ_in_case_alone_are_two_rows(database_url: str, engine: Engine) -> None:
    result = _merge(database_url, _rows(("001xA", "upper", NOON), ("001xa", "lower", NOON)))

    assert result.inserted == 2
    assert sorted(_names(engine).values()) == ["lower", "upper"]


def test_no_rows_at_all_still_make_the_table(database_url: str) -> None:
    assert _merge(database_url, []) == MergeResult(staged=0, inserted=0, updated=0, unchanged=0)
    assert warehouse_count(database_url, "Thing__c", None) == 0


def test_a_new_field_becomes_a_new_column(database_url: str, engine: Engine) -> None:
    _merge(database_url, _rows(("1", "a", NOON)))
    wide = NARROW.append(pa.field("Amount", pa.float64()))
    row = {"Id": "2", "Name": "b", "SystemModstamp": NOON, "Amount": 1.5}

    merge_into_raw(
        database_url, sobject="Thing__c", schema=wide, batches=[pa.RecordBatch.from_pylist([row], wide)]
    )

    with engine.connect() as connection:
        amounts = connection.execute(text('SELECT "Amount" FROM raw.thing__c ORDER BY "Id"')).scalars().all()
    assert amounts == [None, 1.5]


def test_a_field_that_changed_its_type_is_refused_with_the_statement_that_mends_it(
    database_url: str, engine: Engine
) -> None:
    whole = NARROW.append(pa.field("Amount", pa.int32()))
    broken = NARROW.append(pa.field("Amount", pa.float64()))
    merge_into_raw(database_url, sobject="Thing__c", schema=whole, batches=[])

    with pytest.raises(
        WarehouseError, match=r'TABLE raw\."thing__c" ALTER COLUMN "Amount" TYPE double'
    ) as told:
        merge_into_raw(database_url, sobject="Thing__c", schema=broken, batches=[])

    with engine.begin() as connection:
        connection.execute(text(str(told.value).split("run ")[1].rstrip(".")))
    assert merge_into_raw(database_url, sobject="Thing__c", schema=broken, batches=[]).staged == 0


def test_nul_is_written_as_its_symbol_and_counted(database_url: str, engine: Engine) -> None:
    schema = NARROW.append(pa.field("Billing", pa.struct([("city", pa.string()), ("street", pa.string())])))
    rows = [
        {"Id": "1", "Name": "a\x00b\x00", "SystemModstamp": NOON, "Billing": {"city": "c\x00"}},
        {"Id": "2", "Name": "\\u0000", "SystemModstamp": NOON, "Billing": {"street": "\\u0000"}},
    ]

    result = merge_into_raw(
        database_url, sobject="Thing__c", schema=schema, batches=[pa.RecordBatch.from_pylist(rows, schema)]
    )

    assert result.nul_values == 2
    assert _names(engine) == {"1": "a␀b␀", "2": "\\u0000"}
    with engine.connect() as connection:
        found = connection.execute(
            text('SELECT "Billing"->>\'city\', "Billing"->>\'street\' FROM raw.thing__c ORDER BY "Id"')
        ).all()
    assert [tuple(row) for row in found] == [("c␀", None), (None, "\\u0000")]


def test_a_failing_source_of_rows_keeps_its_own_error_and_nothing_is_merged(
    database_url: str, engine: Engine
) -> None:
    _merge(database_url, _rows(("1", "a", NOON)))

    def batches() -> Iterator[pa.RecordBatch]:
        yield from _rows(("2", "b", NOON))
        raise LakeError("The lake file is gone.")

    with pytest.raises(LakeError, match=r"^The lake file is gone\.$"):
        merge_into_raw(database_url, sobject="Thing__c", schema=NARROW, batches=batches())

    assert _names(engine) == {"1": "a"}


def test_rows_that_the_database_refuses_leave_it_as_it_was(database_url: str, engine: Engine) -> None:
    _merge(database_url, _rows(("1", "a", NOON)))

    with pytest.raises(WarehouseError, match=r"^raw\.thing__c could not be merged and is as it was: .*null"):
        _merge(database_url, _rows(("2", "b", NOON), (None, "no id", NOON)))

    assert _names(engine) == {"1": "a"}
    with engine.connect() as connection:
        tables = connection.execute(
            text("SELECT relname FROM pg_class WHERE relname LIKE '%staged%'")
        ).scalars().all()  # fmt: skip
    assert tables == []


def test_two_writers_of_one_object_lose_nothing(database_url: str) -> None:
    def write(writer: int) -> MergeResult:
        rows = [(f"{number:04d}", f"writer {writer}", NOON) for number in range(writer * 100, 600)]
        return _merge(database_url, _rows(*rows))

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(write, [0, 1, 2, 0]))

    assert sum(result.inserted for result in results) == 600
    assert sum(result.updated for result in results) == 0
    assert warehouse_count(database_url, "Thing__c", None) == 600


def test_processes_that_write_at_once_leave_the_newest_version_of_every_row(
    database_url: str, engine: Engine
) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(_write_versions, [database_url] * 4, range(4)))

    assert sum(result.inserted for result in results) == ROWS_OF_WRITER
    assert sum(result.staged for result in results) == 4 * ROWS_OF_WRITER
    newest = {
        f"{row:04d}": str(max(_version(row, writer) for writer in range(4))) for row in range(ROWS_OF_WRITER)
    }
    assert _names(engine) == newest


def test_a_writer_of_one_object_does_not_wait_for_a_writer_of_another(database_url: str) -> None:
    """One lock for all tables once made every merge wait for the longest."""
    _merge(database_url, [])
    other = arrow_schema(describe(Id="id", SystemModstamp="datetime"), ("Id", "SystemModstamp"))
    merge_into_raw(database_url, sobject="Other__c", schema=other, batches=[])
    with psycopg2.connect(database_url.replace("+psycopg2", "")) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('raw.other__c'))")
        cursor.execute("LOCK TABLE raw.other__c IN SHARE ROW EXCLUSIVE MODE")

        assert _merge(database_url, _rows(("1", "a", NOON))).inserted == 1
        connection.rollback()
    connection.close()


def test_changed_rows_find_room_beside_themselves_so_that_the_table_hardly_grows(
    database_url: str, engine: Engine
) -> None:
    def size() -> int:
        with engine.connect() as connection:
            return connection.execute(text("SELECT pg_relation_size('raw.thing__c')")).scalar_one()

    sizes: list[int] = []
    for version in range(4):
        moment = NOON + timedelta(days=version)
        rows = [(f"{number:05d}", f"version {version}", moment) for number in range(5_000)]
        assert _merge(database_url, _rows(*rows)).staged == 5_000
        sizes.append(size())

    assert sizes[-1] < 1.1 * sizes[0]


def test_a_server_that_does_not_count_rows_is_refused_before_anything_is_merged(
    database_url: str, engine: Engine
) -> None:
    _merge(database_url, _rows(("1", "a", NOON)))
    with engine.begin() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET track_counts = off"))

    with pytest.raises(WarehouseError, match="set its parameter track_counts to on"):
        _merge(database_url, _rows(("2", "b", NOON)))

    assert _names(engine) == {"1": "a"}


def test_a_window_counts_from_its_start_to_before_its_end(database_url: str) -> None:
    rows = [(str(hour), "x", NOON + timedelta(hours=hour)) for hour in range(4)]
    _merge(database_url, _rows(*rows))

    window = Window(start=NOON + timedelta(hours=1), end=NOON + timedelta(hours=3))

    assert warehouse_count(database_url, "Thing__c", window) == 2
    assert warehouse_count(database_url, "Never_Extracted__c", window) == 0


@pytest.mark.parametrize("missing", ["Id", "SystemModstamp"])
def test_rows_without_key_or_version_are_refused_before_the_database_is_asked(missing: str) -> None:
    schema = pa.schema([field for field in NARROW if field.name != missing])

    with pytest.raises(WarehouseError, match=rf"raw\.thing__c is merged by {missing}, which the rows lack"):
        merge_into_raw("postgresql://nowhere.invalid/x", sobject="Thing__c", schema=schema, batches=[])


def test_the_url_of_sqlalchemy_is_taken_too(database_url: str) -> None:
    url = "postgresql+psycopg2://" + database_url.partition("://")[2]

    assert _merge(url, _rows(("1", "a", NOON))).inserted == 1


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:s3cr%zz@127.0.0.1:1/warehouse",
        "postgresql+psycopg2://someone:s3cr%20et@127.0.0.1:1/warehouse",
        "postgresql://someone:s3cr@/warehouse?host=/no/such/folder",
    ],
)
def test_an_unreachable_database_is_told_in_one_sentence_without_its_password(url: str) -> None:
    with pytest.raises(WarehouseError, match=r"raw\.thing__c cannot be counted: ") as told:
        warehouse_count(url, "Thing__c", None)

    assert "s3cr" not in str(told.value)
    assert "SF_PIPELINES_DATABASE_URL" in str(told.value)
    assert "\n" not in str(told.value)
