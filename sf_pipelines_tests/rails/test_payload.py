from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.model.rail import Operation
from sf_pipelines.rails.payload import Item, composite_body, items_of, pack, target_of


def record_of(operation: Operation, **values: Any) -> dict[str, Any]:
    (item,) = items_of("Contact", operation, [values])
    return json.loads(item.json)


def subrequests(
    operation: Operation, records: list[dict[str, Any]], key: str | None = None
) -> list[dict[str, Any]]:
    items = items_of("Contact", operation, records)
    (call,) = pack(items, max_bytes=10**9)
    body = json.loads(composite_body(call, target_of("/base", "Contact", operation, key)))
    assert body["allOrNone"] is False
    return body["compositeRequest"]


def test_an_insert_posts_records_with_their_type() -> None:
    (request,) = subrequests(Operation.INSERT, [{"LastName": "x"}, {"LastName": None}])

    assert (request["method"], request["url"]) == ("POST", "/base")
    assert request["body"] == {
        "allOrNone": False,
        "records": [
            {"attributes": {"type": "Contact"}, "LastName": "x"},
            {"attributes": {"type": "Contact"}, "LastName": None},
        ],
    }


def test_an_update_names_each_record_by_its_id() -> None:
    (request,) = subrequests(Operation.UPDATE, [{"Id": "003A", "LastName": "x"}])

    assert (request["method"], request["url"]) == ("PATCH", "/base")
    assert request["body"]["records"] == [{"attributes": {"type": "Contact"}, "id": "003A", "LastName": "x"}]


def test_an_upsert_names_the_key_field_in_its_path() -> None:
    (request,) = subrequests(Operation.UPSERT, [{"Key__c": "k", "LastName": "x"}], "Key__c")

    assert (request["method"], request["url"]) == ("PATCH", "/base/Contact/Key__c")
    assert request["body"]["records"][0]["Key__c"] == "k"


def test_a_delete_names_ids_in_its_path_and_has_no_body() -> None:
    (request,) = subrequests(Operation.DELETE, [{"Id": "003A"}, {"id": "003B"}])

    assert request == {
        "method": "DELETE",
        "referenceId": "collection0",
        "url": "/base?ids=003A,003B&allOrNone=false",
    }


PARENTS = [
    ("Account.Key__c", "k", {"Account": {"Key__c": "k"}}),
    ("Parent__r.Key__c", "k", {"Parent__r": {"Key__c": "k"}}),
    ("Lead:Who.Email", "a@b.c", {"Who": {"attributes": {"type": "Lead"}, "Email": "a@b.c"}}),
    ("Account.Key__c", None, {"AccountId": None}),
    ("Parent__r.Key__c", None, {"Parent__c": None}),
    ("Lead:Who.Email", None, {"WhoId": None}),
]


@pytest.mark.parametrize(("name", "value", "expected"), PARENTS)
def test_a_parent_by_external_id_is_nested_and_null_clears_the_reference(
    name: str, value: str | None, expected: dict[str, Any]
) -> None:
    assert record_of(Operation.INSERT, **{name: value}) == {"attributes": {"type": "Contact"}} | expected


VALUES = [
    (datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC), "2026-01-02T03:04:05.678Z"),
    (datetime(2026, 1, 2, 3, 0, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:00:00.000Z"),
    (date(2026, 1, 2), "2026-01-02"),
    (Decimal("12.50"), 12.5),
    (Decimal("1E+3"), 1000),
    (True, True),
    ("ünï", "ünï"),
    (7, 7),
]


@pytest.mark.parametrize(("value", "expected"), VALUES)
def test_values_take_the_form_that_salesforce_reads(value: object, expected: object) -> None:
    assert record_of(Operation.INSERT, F=value)["F"] == expected


@pytest.mark.parametrize("value", [datetime(2026, 1, 2), object()])  # noqa: DTZ001
def test_a_value_without_a_clear_form_is_an_error(value: object) -> None:
    with pytest.raises(TypeError):
        record_of(Operation.INSERT, F=value)


@given(
    sizes=st.lists(st.integers(min_value=2, max_value=3_000), max_size=1_200),
    max_bytes=st.integers(min_value=5_000, max_value=200_000),
)
def test_packing_keeps_every_record_in_order_and_within_the_limits(sizes: list[int], max_bytes: int) -> None:
    items = [Item(position=n, record_id=str(n), json=b"1" * size) for n, size in enumerate(sizes)]

    calls = list(pack(items, max_bytes=max_bytes))

    packed = [item.position for call in calls for collection in call for item in collection.items]
    assert packed == list(range(len(sizes)))
    target = target_of("/services/data/v66.0/composite/sobjects", "Contact", Operation.UPSERT, "Key__c")
    for call in calls:
        assert len(call) <= 5
        assert all(1 <= len(collection.items) <= 200 for collection in call)
        assert len(composite_body(call, target)) <= max_bytes


def test_a_thousand_small_records_make_one_call() -> None:
    items = items_of("Contact", Operation.INSERT, [{"LastName": "x"}] * 1_000)

    (call,) = pack(items, max_bytes=50_000_000)

    assert [len(collection.items) for collection in call] == [200] * 5
