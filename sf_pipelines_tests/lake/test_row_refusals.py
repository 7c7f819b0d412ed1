from __future__ import annotations

from pathlib import Path

import pytest

from sf_pipelines.config.limits import BULK_FIELD_MAX_CHARACTERS
from sf_pipelines.lake.payload import write_payload
from sf_pipelines.lake.row_refusals import SHOWN_CHARACTERS, long_fields
from sf_pipelines.model.sync import EmptyValue, FieldMapping
from sf_pipelines_tests.lake.samples import load_sync, text_batch


def plain(*names: str) -> list[FieldMapping]:
    return [FieldMapping(field=name, column=name) for name in names]


@pytest.mark.parametrize("character", ["x", "é"])
def test_the_longest_value_is_sent_and_a_longer_one_is_set_aside(tmp_path: Path, character: str) -> None:
    sync = load_sync(*plain("Name", "Description"), key="Name")
    longest = character * BULK_FIELD_MAX_CHARACTERS
    batch = text_batch(dict(Name=["fits", "too long"], Description=[longest, longest + "y"]))

    payload = write_payload([batch], sync=sync, folder=tmp_path)

    assert payload.rows == 1
    assert payload.refused is not None
    (row,) = payload.refused.whole().to_pylist()
    assert row["Name"] == "too long"
    assert row["Description"] == f"{character * SHOWN_CHARACTERS} [cut: 131,073 characters]"
    assert long_fields(row) == ("Description",)


def test_a_record_of_long_values_is_set_aside_though_each_of_them_fits(tmp_path: Path) -> None:
    names = ("Name", "A", "B", "C", "D")
    long = "x" * 120_000
    batch = text_batch(dict(Name=["r"], A=[long], B=[long], C=[long], D=[long]))

    payload = write_payload([batch], sync=load_sync(*plain(*names), key="Name"), folder=tmp_path)

    assert (payload.rows, payload.refused and payload.refused.rows) == (0, 1)


def test_an_empty_value_leaves_a_field_as_it_is_or_empties_it_as_declared(tmp_path: Path) -> None:
    sync = load_sync(
        FieldMapping(field="Name", column="Name"),
        FieldMapping(field="Phone", column="Phone", empty=EmptyValue.SET_NULL),
        FieldMapping(field="Website", column="Website"),
        key="Name",
    )
    batch = text_batch(dict(Name=["a"], Phone=[""], Website=[None]))

    payload = write_payload([batch], sync=sync, folder=tmp_path)

    assert payload.chunks[0].path.read_text() == '"Name","Phone","Website"\n"a","#N/A",\n'
