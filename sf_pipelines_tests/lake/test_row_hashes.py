from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.lake.row_hashes import DIGEST_BYTES, RowIdentity, canonical_number

BOTH = RowIdentity(columns=("A", "B"), numbers=frozenset({"B"}))


def batch(*rows: tuple[str | None, str | None]) -> pa.RecordBatch:
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=["A", "B"])


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("9.12260031E8", "912260031"),
        ("0.50", "0.5"),
        ("-0.0", "0"),
        ("1e-3", "0.001"),
        ("+5", "5"),
        ("x", "x"),
    ],
)
def test_a_number_has_one_spelling(text: str, canonical: str) -> None:
    assert canonical_number(text) == canonical


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_every_spelling_of_a_number_is_the_same_row(number: Decimal) -> None:
    plain, scientific = f"{number:f}", f"{number:.25E}"

    first, second = BOTH.hashes(batch(("k", plain), ("k", scientific))).tolist()

    assert first == second


def test_values_that_change_places_are_another_row() -> None:
    identity = RowIdentity(columns=("A", "B"))

    assert len(set(identity.hashes(batch(("1", "2"), ("2", "1"), (None, "1"), ("1", None))).tolist())) == 4


def test_a_digest_tells_null_from_any_text_and_one_column_from_the_next() -> None:
    digests = list(
        BOTH.digests(batch(("a", None), ("a", ""), ("", "a"), ("a\x1f", None), ("a", "1.0"), ("a", "1")))
    )

    assert len(set(digests)) == 5
    assert digests[4] == digests[5]
    assert {len(digest) for digest in digests} == {DIGEST_BYTES}
