"""Files of the lake appear whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sf_pipelines.lake import parquet
from sf_pipelines.lake.errors import LakeError
from sf_pipelines.lake.parquet import ParquetSink, read_parquet

SCHEMA = pa.schema([pa.field("Id", pa.string(), metadata={b"sf_type": b"id"}), pa.field("Count", pa.int32())])


def _batch(start: int, rows: int) -> pa.RecordBatch:
    numbers = range(start, start + rows)
    return pa.RecordBatch.from_pylist([{"Id": str(n), "Count": n} for n in numbers], SCHEMA)


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("as_uri", [False, True])
def test_a_file_appears_when_the_block_ends_and_holds_every_row(tmp_path: Path, as_uri: bool) -> None:
    lake = tmp_path.as_uri() if as_uri else str(tmp_path)

    with ParquetSink(lake, "raw/account/one.parquet", SCHEMA) as sink:
        sink.write(_batch(0, 3))
        sink.write(_batch(3, 2))
        before = [name for name in _files(tmp_path) if name.endswith(".parquet")]

    assert before == []
    assert _files(tmp_path) == ["raw/account/one.parquet"]
    assert sink.rows == 5
    assert sink.uri == f"{lake}/raw/account/one.parquet"
    assert sink.bytes_written == (tmp_path / "raw/account/one.parquet").stat().st_size
    table = pa.Table.from_batches(read_parquet(sink.uri))
    assert table.to_pylist() == _batch(0, 5).to_pylist()
    assert table.schema.field("Id").metadata == {b"sf_type": b"id"}


def test_a_file_without_rows_has_a_schema(tmp_path: Path) -> None:
    with ParquetSink(str(tmp_path), "none.parquet", SCHEMA) as sink:
        pass

    assert pq.read_schema(sink.uri).equals(SCHEMA, check_metadata=True)
    assert sum(batch.num_rows for batch in read_parquet(sink.uri)) == 0


def test_an_error_in_the_block_leaves_nothing(tmp_path: Path) -> None:
    def fail_half_way() -> None:
        with ParquetSink(str(tmp_path), "raw/half.parquet", SCHEMA) as sink:
            sink.write(_batch(0, 3))
            raise RuntimeError("broken transfer")

    with pytest.raises(RuntimeError, match="broken transfer"):
        fail_half_way()

    assert _files(tmp_path) == []


def test_wide_rows_fill_a_row_group_by_their_bytes(tmp_path: Path) -> None:
    wide = pa.RecordBatch.from_pylist([{"Id": "x" * 5_000_000, "Count": 1}] * 2, SCHEMA)

    with ParquetSink(str(tmp_path), "wide.parquet", SCHEMA) as sink:
        for _ in range(2 * parquet.ROW_GROUP_MAX_BYTES // wide.nbytes + 2):
            sink.write(wide)

    assert pq.ParquetFile(sink.uri).num_row_groups >= 2


def test_row_groups_are_compressed_and_have_statistics(tmp_path: Path) -> None:
    with ParquetSink(str(tmp_path), "one.parquet", SCHEMA) as sink:
        sink.write(_batch(7, 100))

    column = pq.read_metadata(sink.uri).row_group(0).column(1)
    assert column.compression == "ZSTD"
    assert (column.statistics.min, column.statistics.max) == (7, 106)


def test_rows_of_another_schema_leave_nothing(tmp_path: Path) -> None:
    sink = ParquetSink(str(tmp_path), "one.parquet", SCHEMA)

    with pytest.raises(pa.ArrowInvalid), sink:
        sink.write(pa.RecordBatch.from_pydict({"Id": ["1"]}))

    assert _files(tmp_path) == []


def test_a_file_is_never_rewritten(tmp_path: Path) -> None:
    def write(rows: int) -> None:
        with ParquetSink(str(tmp_path), "one.parquet", SCHEMA) as sink:
            sink.write(_batch(0, rows))

    write(1)
    with pytest.raises(LakeError, match=r"The lake file .*one\.parquet exists and is never rewritten"):
        write(2)

    assert _files(tmp_path) == ["one.parquet"]
    assert sum(batch.num_rows for batch in read_parquet(str(tmp_path / "one.parquet"))) == 1


def test_a_lake_that_is_no_folder_is_named_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file")
    sink = ParquetSink(str(tmp_path / "lake"), "raw/one.parquet", SCHEMA)

    with pytest.raises(
        LakeError, match=r"The lake cannot be written at .*raw/one\.parquet .*SF_PIPELINES_LAKE"
    ):
        sink.__enter__()


FULL_DISK = """
import os, resource, sys
import pyarrow as pa
from sf_pipelines.lake.errors import LakeError
from sf_pipelines.lake.parquet import ParquetSink

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
schema = pa.schema([("Id", pa.string())])
try:
    with ParquetSink(sys.argv[1], "raw/one.parquet", schema) as sink:
        for _ in range(int(sys.argv[2])):
            ids = pa.array([os.urandom(50).hex() for _ in range(1000)])
            sink.write(pa.record_batch([ids], schema=schema))
except LakeError as error:
    sys.stdout.write(str(error))
"""


@pytest.mark.parametrize("batches", [3, 200], ids=["when it is published", "in the middle"])
def test_a_full_disk_is_told_in_one_sentence_and_leaves_nothing(tmp_path: Path, batches: int) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path), str(batches)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert told.startswith(f"The lake cannot be written at {tmp_path}/raw/one.parquet (")
    assert "free space" in told
    assert "\n" not in told
    assert _files(tmp_path) == []


@pytest.mark.parametrize("content", [None, b"", b"PAR1 but not really"], ids=["missing", "empty", "broken"])
def test_a_lake_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "one.parquet"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(
        LakeError, match=r"The lake file .*/one\.parquet cannot be read \(.*\): run its window"
    ):
        list(read_parquet(str(path)))


def test_a_lake_of_an_unknown_kind_is_named() -> None:
    with pytest.raises(LakeError, match="SF_PIPELINES_LAKE is nosuch://bucket, which cannot be opened"):
        ParquetSink("nosuch://bucket", "one.parquet", SCHEMA)
