from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sf_pipelines.ledger.jsonable import dumps, dumps_plain, storable, to_json
from sf_pipelines.model.rail import Rail
from sf_pipelines_tests.ledger.samples import decision


def test_a_decision_becomes_plain_and_readable_json() -> None:
    made = to_json(decision())
    assert made["costs"] == {
        "bulk": {
            "rail": "bulk",
            "api_calls": 9,
            "jobs": 1,
            "batches": 1,
            "bytes_raw": 300,
            "seconds": 12.5,
            "events": 0,
        }
    }
    assert made["because"][0] == {
        "code": "fewest_calls",
        "text": "Bulk costs 9 calls.",
        "figures": {"api_calls": 9},
    }
    assert made["decided_at"] == "2026-01-05T12:00:00+00:00"
    assert made["rejected"]["cdc"]["code"] == "reads_only"
    assert type(made["rail"]) is str


def test_numbers_that_json_lacks_become_text() -> None:
    assert dumps({"a": float("inf"), "b": float("nan"), "c": 0.5}) == '{"a": "inf", "b": "nan", "c": 0.5}'


def test_sets_have_one_order() -> None:
    assert to_json(frozenset({Rail.REST, Rail.BULK})) == ["bulk", "rest"]


def test_text_that_postgresql_cannot_hold_is_made_visible() -> None:
    assert storable("a\x00b") == "a\u2400b"
    assert storable("ä\x00\ud800") == "ä\u2400?"
    assert storable("Zoë 東京 😀") == "Zoë 東京 😀"


def test_a_value_without_a_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="complex has no JSON form"):
        to_json({"at": datetime(2026, 1, 5, tzinfo=UTC), "odd": 1j})


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(), max_size=8),
        max_size=4,
    )
)
@example({"nul": "a\x00b", "surrogate": "\ud800", "large": 2**70, "none": float("nan")})
@example({"spelled out": "\\u0000"})
def test_the_fast_way_of_plain_values_says_the_same(values: dict[str, str | float | None]) -> None:
    assert json.loads(dumps_plain(values)) == json.loads(dumps(values))
