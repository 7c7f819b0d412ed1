"""The lake in an object store: a local S3 server, and a store that only fsspec knows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from sf_pipelines.lake.errors import LakeError
from sf_pipelines.lake.filesystems import lake_uri, open_lake
from sf_pipelines.lake.parquet import ParquetSink, read_parquet, remove_file
from sf_pipelines_tests.object_store import bucket_lake as bucket_lake
from sf_pipelines_tests.object_store import s3_url as s3_url

SCHEMA = pa.schema([pa.field("Id", pa.string()), pa.field("Count", pa.int32())])
BATCH = pa.RecordBatch.from_pylist([{"Id": str(n), "Count": n} for n in range(1_000)], SCHEMA)
PATH = "raw/account/2026-03-04/part.parquet"


def write(lake: str) -> str:
    with ParquetSink(lake, PATH, SCHEMA) as sink:
        sink.write(BATCH)
    return sink.uri


def names(lake: str) -> list[str]:
    files, root = open_lake(lake)
    found = files.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True))
    return sorted(item.path for item in found if item.type is fs.FileType.File)


@pytest.mark.parametrize("where", ["s3", "fsspec"])
def test_a_file_appears_whole_and_is_read_back(bucket_lake: str, where: str) -> None:
    lake = bucket_lake if where == "s3" else "memory://sales"
    with ParquetSink(lake, PATH, SCHEMA) as sink:
        sink.write(BATCH)
        assert not [name for name in names(lake) if name.endswith(".parquet")]

    assert [name.rpartition("sales/")[2] for name in names(lake)] == [PATH]
    assert pa.Table.from_batches(read_parquet(sink.uri)).equals(pa.Table.from_batches([BATCH]))
    files, path = open_lake(sink.uri)
    with files.open_input_file(path) as opened:
        assert pq.ParquetFile(opened).metadata.row_group(0).column(1).statistics.max == 999
    remove_file(lake, PATH)
    assert names(lake) == []


def test_a_file_that_breaks_off_leaves_nothing_in_the_bucket(bucket_lake: str) -> None:
    sink = ParquetSink(bucket_lake, PATH, SCHEMA).__enter__()
    sink.write(BATCH)
    sink.__exit__(RuntimeError, RuntimeError(), None)

    assert names(bucket_lake) == []


def test_a_file_in_the_bucket_is_never_rewritten(bucket_lake: str) -> None:
    write(bucket_lake)
    with pytest.raises(LakeError, match="exists and is never rewritten"):
        write(bucket_lake)
    remove_file(bucket_lake, PATH)


def test_a_bucket_that_does_not_exist_is_told_in_one_sentence(bucket_lake: str) -> None:
    with pytest.raises(LakeError, match=r"The lake cannot be written at s3://nowhere/"):
        ParquetSink("s3://nowhere/x", PATH, SCHEMA).__enter__()


def test_a_url_nobody_knows_is_refused() -> None:
    with pytest.raises(LakeError, match="SF_PIPELINES_LAKE is nosuch://x/y, which cannot be opened"):
        open_lake("nosuch://x/y")


def test_a_password_in_the_url_is_refused_without_repeating_it() -> None:
    with pytest.raises(LakeError, match="carries a password") as caught:
        open_lake("s3://key:hush@lake/sales")
    assert "hush" not in str(caught.value)


def test_options_of_the_lakes_url_stay_behind_its_path() -> None:
    assert lake_uri("s3://lake/a/?region=eu-west-1", "b/c") == "s3://lake/a/b/c?region=eu-west-1"
    assert lake_uri("/lake/", "b/c") == "/lake/b/c"
