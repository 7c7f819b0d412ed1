"""What the asset page shows of an extract, pinned: keys, figures, and the words of its checks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import dagster as dg
import pyarrow as pa
import pytest

from sf_pipelines.lake.warehouse import MergeResult
from sf_pipelines.model.outcome import OutcomeCounts, Verdict, VerdictState
from sf_pipelines.model.slice import Window
from sf_pipelines.present.extracts import agreement_check, day_metadata, extract_metadata
from sf_pipelines.workflows.extract import ExtractReport
from sf_pipelines_tests.present.decisions import RUN

END = datetime(2026, 1, 6, tzinfo=UTC)
EXTRACT = ExtractReport(
    run_id=UUID(int=2),
    decision=RUN,
    window=Window(start=datetime(2026, 1, 5, tzinfo=UTC), end=END),
    window_is_over=True,
    counts=OutcomeCounts(submitted=9, succeeded=9),
    verdict=Verdict(state=VerdictState.COMPLETE, text="All 9 rows arrived."),
    merge=MergeResult(staged=9, inserted=4, updated=3, unchanged=2),
    uri="/lake/raw/account/2026-01-05/x",
    files=("/lake/raw/account/2026-01-05/x/part-0000-page-00001.parquet",),
    rows_by_day={"2026-01-05": 9},
    checksum=0xABC,
    org_rows=9,
    warehouse_rows=9,
    job_urls={},
    api_calls=4,
    seconds=2.0,
    schema=pa.schema([pa.field("Id", pa.string()), pa.field("CloseDate", pa.date32())]),
)


def plain(metadata: dict[str, dg.MetadataValue], *, without: tuple[str, ...]) -> dict[str, object]:
    return {name: value.value for name, value in metadata.items() if name not in without}


def test_the_metadata_of_an_extract() -> None:
    metadata = extract_metadata(EXTRACT)

    assert plain(metadata, without=("decision", "dagster/column_schema")) == {
        "verdict": "All 9 rows arrived.",
        "rail": "bulk",
        "dagster/table_name": "raw.account",
        "dagster/uri": "/lake/raw/account/2026-01-05/x",
        "rows_reported": 9,
        "rows_written": 9,
        "rows_inserted": 4,
        "rows_updated": 3,
        "checksum": "0000000000000abc",
        "files": 1,
        "processes": 1,
        "read_until": END.timestamp(),
        "window_is_over": True,
        "api_calls": 4,
        "seconds": 2.0,
        "ledger_run": "00000000-0000-0000-0000-000000000002",
        "rows_to_move": 200_000,
        "bytes_to_move": 20_000_000,
        "api_calls_left": 99_000,
        "api_calls_reserved": 0,
        "calls_forecast": 14,
        "seconds_forecast": 211.2,
    }
    assert isinstance(metadata["read_until"], dg.TimestampMetadataValue)


def test_the_columns_of_an_extract_have_their_types() -> None:
    schema = extract_metadata(EXTRACT)["dagster/column_schema"]

    assert isinstance(schema, dg.TableSchemaMetadataValue)
    assert [(column.name, column.type) for column in schema.schema.columns] == [
        ("Id", "string"),
        ("CloseDate", "date32[day]"),
    ]


def test_each_day_tells_its_own_rows_and_whether_it_was_read_to_its_end() -> None:
    half_read = replace(EXTRACT, rows_by_day={"2026-01-05": 9}, window=replace(EXTRACT.window, end=END))

    assert plain(day_metadata(half_read, "2026-01-05"), without=()) == {
        "dagster/partition_row_count": 9,
        "day_is_over": True,
    }
    assert plain(day_metadata(half_read, "2026-01-06"), without=()) == {
        "dagster/partition_row_count": 0,
        "day_is_over": False,
    }


@pytest.mark.parametrize(
    ("warehouse_rows", "passed", "words"),
    [
        (9, True, "the same number"),
        (8, False, "1 are missing, so run the window again"),
        (11, True, "2 were changed or deleted for good since"),
    ],
)
def test_the_warehouse_must_hold_all_rows_that_the_org_has(
    warehouse_rows: int, passed: bool, words: str
) -> None:
    check = agreement_check(replace(EXTRACT, warehouse_rows=warehouse_rows), name="source_and_org_agree")

    assert check.passed is passed
    assert words in (check.description or "")
