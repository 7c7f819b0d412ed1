"""Chunks on disk: what is in them, where they are cut, and the keys by which results are joined."""

from __future__ import annotations

import csv
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest

from sf_pipelines.lake.chunk import hashes_path
from sf_pipelines.lake.errors import LakeError, SourceError
from sf_pipelines.lake.payload import Payload, write_payload
from sf_pipelines.lake.row_hashes import RowIdentity, text_hashes
from sf_pipelines.model.sync import FieldMapping
from sf_pipelines_tests.lake.samples import load_sync, text_batch

Rows = list[dict[str, str | None]]
AWKWARD = (
    "plain",
    'a "quoted" word',
    "two\nlines",
    "dos\r\nlines",
    "a,comma",
    "ünï",
    "N/A",
    "null",
    "007",
    " x ",
)


def _rows(payload: Payload) -> Rows:
    return [row for chunk in payload.chunks for batch in chunk.batches() for row in batch.to_pylist()]


def _csv_rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_fields_are_filled_from_their_columns_in_the_declared_order(tmp_path: Path) -> None:
    sync = load_sync(
        FieldMapping(field="Name", column="label"),
        FieldMapping(field="Key__c", column="key"),
        FieldMapping(field="Site", column="label"),
    )

    payload = write_payload([text_batch({"key": ["k1"], "label": ["Acme"]})], sync=sync, folder=tmp_path)

    assert payload.columns == ("Name", "Key__c", "Site")
    assert _csv_rows(payload.chunks[0].path) == [["Name", "Key__c", "Site"], ["Acme", "k1", "Acme"]]


def test_a_value_map_replaces_what_it_names_and_passes_the_rest(tmp_path: Path) -> None:
    sync = load_sync(
        FieldMapping(field="Key__c", column="key"),
        FieldMapping(field="StageName", column="stage", values={"Won": "Closed Won", "Lost": "Closed Lost"}),
    )
    batch = text_batch({"key": ["1", "2", "3", "4"], "stage": ["Won", "won", None, "Lost"]})

    payload = write_payload([batch], sync=sync, folder=tmp_path)

    assert [row["StageName"] for row in _rows(payload)] == ["Closed Won", "won", None, "Closed Lost"]


def test_empty_text_becomes_null_and_nothing_else_does(tmp_path: Path) -> None:
    batch = text_batch({"key": ["1", "2", "3", "4", "5"], "name": ["", None, "N/A", "#N/A", " "]})

    payload = write_payload([batch], sync=load_sync(), folder=tmp_path)

    assert [row["Name"] for row in _rows(payload)] == [None, None, "N/A", "#N/A", " "]


def test_awkward_values_come_back_as_they_went(tmp_path: Path) -> None:
    keys = [str(number) for number in range(len(AWKWARD))]

    payload = write_payload(
        [text_batch({"key": keys, "name": AWKWARD})], sync=load_sync(), folder=tmp_path, max_bytes=60
    )

    assert [row["Name"] for row in _rows(payload)] == list(AWKWARD)
    assert [row[1] for chunk in payload.chunks for row in _csv_rows(chunk.path)[1:]] == list(AWKWARD)


@pytest.mark.parametrize("max_bytes", [64, 200, 1_000, 50_000])
def test_chunks_are_cut_between_records_and_never_larger_than_allowed(tmp_path: Path, max_bytes: int) -> None:
    random = Random(max_bytes)
    names = ["\n".join(["x" * random.randrange(8)] * random.randrange(1, 4)) for _ in range(700)]
    keys = [f"k{number:04d}" for number in range(700)]
    batches = [
        text_batch({"key": keys[start : start + 100], "name": names[start : start + 100]})
        for start in range(0, 700, 100)
    ]

    payload = write_payload(batches, sync=load_sync(), folder=tmp_path, max_bytes=max_bytes)

    assert [(row["Key__c"], row["Name"] or "") for row in _rows(payload)] == list(
        zip(keys, names, strict=True)
    )
    for number, chunk in enumerate(payload.chunks):
        rows = _csv_rows(chunk.path)
        assert chunk.number == number
        assert rows[0] == ["Key__c", "Name"]
        assert chunk.rows == len(rows) - 1 > 0
        assert chunk.bytes_raw == chunk.path.stat().st_size <= max_bytes
    assert payload.rows == sum(chunk.rows for chunk in payload.chunks) == 700
    assert payload.bytes_raw == sum(chunk.bytes_raw for chunk in payload.chunks)


def test_rows_that_fit_into_one_job_make_one_chunk(tmp_path: Path) -> None:
    batches = [text_batch({"key": [str(number)], "name": ["x"]}) for number in range(5)]

    payload = write_payload(batches, sync=load_sync(), folder=tmp_path)

    assert [chunk.rows for chunk in payload.chunks] == [5]


def test_a_source_without_rows_makes_no_chunk(tmp_path: Path) -> None:
    payload = write_payload([text_batch({"key": [], "name": []})], sync=load_sync(), folder=tmp_path)

    assert (payload.rows, payload.bytes_raw, payload.chunks) == (0, 0, ())


def test_a_row_with_no_value_at_all_is_still_a_row(tmp_path: Path) -> None:
    sync = load_sync(FieldMapping(field="Id", column="id"), key="Id")

    payload = write_payload([text_batch({"id": ["1", None, "3"]})], sync=sync, folder=tmp_path)

    assert [row["Id"] for row in _rows(payload)] == ["1", None, "3"]
    assert payload.chunks[0].hashes(RowIdentity(columns=(payload.key,))).size == payload.rows == 3


def test_a_row_larger_than_a_job_is_named_and_leaves_nothing_behind(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    batch = text_batch({"key": ["small", "big"], "name": ["x", "y" * 100]})

    with pytest.raises(SourceError, match=r"key big is larger than one job may be \(64 bytes\): shorten"):
        write_payload([batch], sync=load_sync(), folder=spool, max_bytes=64)

    assert not spool.exists()


def test_a_source_that_breaks_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    spool = tmp_path / "spool"

    def batches() -> Iterator[pa.RecordBatch]:
        yield text_batch({"key": ["1"], "name": ["x"]})
        raise SourceError("The source broke.")

    with pytest.raises(SourceError, match="The source broke"):
        write_payload(batches(), sync=load_sync(), folder=spool)

    assert not spool.exists()


def test_a_field_declared_twice_is_refused(tmp_path: Path) -> None:
    sync = load_sync(
        FieldMapping(field="Key__c", column="key"),
        FieldMapping(field="Name", column="name"),
        FieldMapping(field="Name", column="label"),
    )
    batch = text_batch({"key": ["1"], "name": ["x"], "label": ["y"]})

    with pytest.raises(SourceError, match="account_load fills the field Name twice: keep one"):
        write_payload([batch], sync=sync, folder=tmp_path)


def test_a_column_that_the_source_lacks_is_refused(tmp_path: Path) -> None:
    batch = text_batch({"key": ["1"], "label": ["x"]})

    with pytest.raises(SourceError, match=r"fills Name from the column name, .* not have; it has key, label"):
        write_payload([batch], sync=load_sync(), folder=tmp_path)


def test_a_key_that_is_none_of_the_fields_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="account_load has the key Id, which is none of its fields"):
        write_payload([], sync=load_sync(key="Id"), folder=tmp_path)


def test_a_removed_payload_leaves_no_folder_but_spares_the_files_of_others(tmp_path: Path) -> None:
    batch = text_batch({"key": ["1", "2"], "name": ["x", "y"]})
    alone, shared = (
        write_payload([batch], sync=load_sync(), folder=tmp_path / name, max_bytes=32)
        for name in ("alone", "shared")
    )
    (tmp_path / "shared" / "results.csv").write_text("")

    alone.remove()
    shared.remove()

    assert not (tmp_path / "alone").exists()
    assert [path.name for path in (tmp_path / "shared").iterdir()] == ["results.csv"]


def test_a_spool_folder_that_cannot_be_made_is_named_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LakeError, match=r"spool folder .*file/spool cannot be written .*SF_PIPELINES_HOME"):
        write_payload([], sync=load_sync(), folder=tmp_path / "file" / "spool")


FULL_DISK = """
import resource, sys
from pathlib import Path
from sf_pipelines.lake.errors import LakeError
from sf_pipelines.lake.payload import write_payload
from sf_pipelines_tests.lake.samples import load_sync, text_batch

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
batch = text_batch({"key": [str(n) for n in range(1000)], "name": ["x" * 200] * 1000})
try:
    write_payload([batch] * 3, sync=load_sync(), folder=Path(sys.argv[1]))
except LakeError as error:
    sys.stdout.write(str(error))
"""


def test_a_full_disk_is_told_in_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    spool = tmp_path / "spool"

    told = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(spool)], capture_output=True, text=True, check=True
    ).stdout

    assert told.startswith(f"The spool folder {spool} cannot be written (File too large): free space")
    assert not spool.exists()


def test_the_body_of_a_chunk_is_the_file_in_blocks_from_its_start_each_time(tmp_path: Path) -> None:
    batch = text_batch({"key": [str(number) for number in range(500)], "name": ["name"] * 500})
    chunk = write_payload([batch], sync=load_sync(), folder=tmp_path).chunks[0]

    blocks = list(chunk.body(block_bytes=1_000))

    assert {len(block) for block in blocks[:-1]} == {1_000}
    assert b"".join(blocks) == chunk.path.read_bytes() == b"".join(chunk.body())


def test_memory_of_a_large_payload_stays_that_of_one_batch(tmp_path: Path) -> None:
    batch = text_batch({"key": [str(number) for number in range(10_000)], "name": ["x" * 100] * 10_000})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    payload = write_payload((batch for _ in range(60)), sync=load_sync(), folder=tmp_path)

    grown_bytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert payload.bytes_raw > 60_000_000
    assert grown_bytes < payload.bytes_raw / 2


def test_keys_are_hashed_as_a_multiset_in_file_order(tmp_path: Path) -> None:
    keys = ["b", "a", "b", None, "", "c"]
    payload = write_payload(
        [text_batch({"key": keys, "name": ["x"] * 6})], sync=load_sync(), folder=tmp_path, max_bytes=40
    )

    hashes = np.concatenate([chunk.hashes(RowIdentity(columns=(payload.key,))) for chunk in payload.chunks])

    assert len(payload.chunks) > 1
    assert hashes.dtype == np.uint64
    assert hashes.tolist() == text_hashes(pa.array(["b", "a", "b", "", "", "c"])).tolist()
    assert sorted(Counter(hashes.tolist()).values()) == [1, 1, 2, 2]


def test_a_key_has_the_same_hash_in_every_process() -> None:
    assert text_hashes(pa.array(["A-00001", None])).tolist() == [12659300983966985546, 1760245841805064774]


def test_many_keys_have_as_many_hashes_also_in_pieces() -> None:
    keys = [f"A-{number:07d}" for number in range(100_000)]

    whole = text_hashes(pa.array(keys))
    pieces = text_hashes(pa.chunked_array([keys[:10], keys[10:]]))

    assert np.unique(whole).size == len(keys)
    assert np.array_equal(whole, pieces)


BY_KEY = RowIdentity(columns=("Key__c",))
BY_ROW = RowIdentity(columns=("Key__c", "Name"))


@pytest.mark.parametrize("identity", [BY_KEY, BY_ROW], ids=["by key", "by whole row"])
def test_hashes_kept_at_writing_are_those_of_the_rows_read_back(
    tmp_path: Path, identity: RowIdentity
) -> None:
    values: list[str | None] = [*AWKWARD, "", None]
    batch = text_batch({"key": values, "name": values[::-1]})
    kept = write_payload([batch], sync=load_sync(), folder=tmp_path / "kept", max_bytes=90, identity=identity)
    plain = write_payload([batch], sync=load_sync(), folder=tmp_path / "plain", max_bytes=90)

    assert len(kept.chunks) > 1
    for with_file, without in zip(kept.chunks, plain.chunks, strict=True):
        np.testing.assert_array_equal(with_file.hashes(identity), without.hashes(identity))


def test_hashes_of_another_identity_or_of_a_cut_off_file_come_from_the_rows(tmp_path: Path) -> None:
    batch = text_batch({"key": list(AWKWARD), "name": list(AWKWARD)})
    payload = write_payload([batch], sync=load_sync(), folder=tmp_path, identity=BY_KEY)
    (chunk,) = payload.chunks
    expected = chunk.hashes(BY_KEY)

    np.testing.assert_array_equal(chunk.hashes(BY_ROW), BY_ROW.hashes(chunk.whole()))
    kept = hashes_path(chunk.path, BY_KEY)
    kept.write_bytes(kept.read_bytes()[:-8])
    np.testing.assert_array_equal(chunk.hashes(BY_KEY), expected)


def test_a_payload_that_fails_leaves_no_hashes_behind(tmp_path: Path) -> None:
    batch = text_batch({"key": ["1", "2", "x" * 200], "name": ["a", "b", "c"]})

    with pytest.raises(SourceError):
        write_payload([batch], sync=load_sync(), folder=tmp_path / "spool", max_bytes=60, identity=BY_KEY)

    assert list(tmp_path.rglob("*.npy")) == []
