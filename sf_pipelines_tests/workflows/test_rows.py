from __future__ import annotations

import pyarrow as pa

from sf_pipelines.workflows.rows import payload_hash, row_values


def test_a_row_is_read_field_by_field_with_null_kept() -> None:
    batch = pa.RecordBatch.from_arrays(
        [pa.array(["a", "b"]), pa.array([None, "B"], pa.string())], names=["Key", "Name"]
    )

    assert row_values(batch, 0) == {"Key": "a", "Name": None}
    assert row_values(batch, 1) == {"Key": "b", "Name": "B"}


def test_a_hash_depends_on_the_values_and_not_on_their_order() -> None:
    assert payload_hash({"a": "1", "b": "2"}) == payload_hash({"b": "2", "a": "1"})
    assert payload_hash({"a": "1", "b": "2"}) != payload_hash({"a": "2", "b": "1"})


def test_null_and_absent_are_the_same_to_a_hash_and_to_the_org() -> None:
    assert payload_hash({"a": "1", "b": None}) == payload_hash({"a": "1"})


def test_a_hash_is_the_same_in_every_process_and_release() -> None:
    assert payload_hash({"Name": "Größe"}) == (
        "87885690373db65b4b9c09780a92419001123fd122817c1cd887b946ba750041"
    )
