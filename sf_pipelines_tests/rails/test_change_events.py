from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.model.change import ChangeEvent, ChangeType, UndecodableEvent
from sf_pipelines.rails.change_events import EventDecoder, SchemaUnreadableError, read_schema
from sf_pipelines.rails.event_layout import BitmapError, EventField, EventLayout, part_name
from sf_pipelines.rails.stream_errors import SchemaUnknownError, StreamInterruptedError
from sf_pipelines_tests.fakes.event_samples import (
    ACCOUNT_FIELDS,
    ACCOUNT_SCHEMA,
    SCHEMA_ID,
    optional,
    payload,
    received,
    schema,
)


def decoder(schemas: Mapping[str, str] | None = None) -> EventDecoder:
    known = {SCHEMA_ID: ACCOUNT_SCHEMA} if schemas is None else schemas

    def schema_json(schema_id: str) -> str:
        if schema_id not in known:
            raise SchemaUnknownError("no such schema", error_code="schema.validation.failed")
        return known[schema_id]

    return EventDecoder(schema_json)


def decode(**more: Any) -> ChangeEvent:
    event = decoder().decode(received(**more))
    assert isinstance(event, ChangeEvent), event
    return event


def undecodable(**more: Any) -> UndecodableEvent:
    event = decoder().decode(received(**more))
    assert isinstance(event, UndecodableEvent)
    return event


def test_the_header_comes_out_whole() -> None:
    event = decode(changeType="DELETE", recordIds=["001A", "001B"], sequenceNumber=4)

    assert (event.sobject, event.change_type) == ("Account", ChangeType.DELETE)
    assert event.record_ids == ("001A", "001B")
    assert event.commit_timestamp == datetime(2026, 1, 5, 12, 0, 0, 123_000, tzinfo=UTC)
    assert (event.transaction_key, event.sequence_number, event.commit_number) == ("t-1", 4, 77)
    assert event.change_origin.endswith("client=tests")
    assert (event.values, event.changed_fields) == ({}, ())


def test_a_created_record_has_all_that_is_set_and_nothing_else() -> None:
    body = {"Name": "Acme", "AnnualRevenue": 0.0, "BillingAddress": {"City": "Berlin"}}

    event = decode(body=body, changeType="CREATE")

    assert event.values == {"Name": "Acme", "AnnualRevenue": 0.0, "BillingCity": "Berlin"}


def test_a_null_counts_only_where_a_bitmap_says_so() -> None:
    event = decode(body={"Name": "Acme"}, changedFields=["0x46"], nulledFields=["0x04"])

    assert event.changed_fields == ("Name", "Site", "LastModifiedDate")
    assert event.nulled_fields == ("Site",)
    assert event.values == {"Name": "Acme", "Site": None, "LastModifiedDate": None}


def test_bits_within_a_compound_field_name_its_parts_as_the_describe_does() -> None:
    event = decode(
        body={"BillingAddress": {"Street": "Am Ufer 1"}, "Depot__c": {"Latitude": 52.5}},
        changedFields=["0x40", "3-0x03", "7-0x01"],
        nulledFields=["3-0x02"],
    )

    assert event.changed_fields == ("BillingStreet", "BillingCity", "LastModifiedDate", "Depot__Latitude__s")
    assert event.nulled_fields == ("BillingCity",)
    assert event.values["BillingCity"] is None
    assert event.values["Depot__Latitude__s"] == 52.5
    assert "BillingLatitude" not in event.values


def test_a_type_that_was_spelled_out_before_is_known_by_its_name() -> None:
    assert decode(changedFields=["4-0x02"]).changed_fields == ("ShippingCity",)


def test_the_own_bit_of_a_compound_field_means_all_its_parts() -> None:
    assert decode(nulledFields=["0x08"]).nulled_fields == ("BillingStreet", "BillingCity", "BillingLatitude")


def test_the_name_of_an_account_is_a_text_or_that_of_a_person() -> None:
    person = {"Name": {"FirstName": "Ann", "LastName": None}}

    assert decode(body={"Name": "Acme"}, changedFields=["0x02"]).values == {"Name": "Acme"}
    assert decode(body=person, changedFields=["1-0x03"]).values == {"FirstName": "Ann", "LastName": None}


def test_bit_zero_is_the_header_and_no_field() -> None:
    assert decode(changedFields=["0x01"]).changed_fields == ()


def test_the_samples_of_the_documentation_come_out_as_it_says() -> None:
    fields = tuple(EventField(f"Field{number}", {}) for number in range(1, 23))

    assert EventLayout(fields).names(["0x400800"]) == ("Field11", "Field22")
    assert EventLayout(fields).names(["0x400000"]) == ("Field22",)


@given(st.sets(st.integers(min_value=1, max_value=300)))
def test_every_set_of_fields_survives_its_bitmap(bits: set[int]) -> None:
    layout = EventLayout(tuple(EventField(f"Field{number}", {}) for number in range(1, 301)))

    names = layout.names([f"0x{sum(1 << bit for bit in bits):02x}"] if bits else [])

    assert names == tuple(f"Field{bit}" for bit in sorted(bits))


def test_each_event_is_read_by_its_own_schema() -> None:
    wider = schema(fields=(optional("Rating", "string"), *ACCOUNT_FIELDS))
    both = decoder({SCHEMA_ID: ACCOUNT_SCHEMA, "account-2": wider})
    old = both.decode(received(1, changedFields=["0x04"]))
    new = both.decode(
        received(2, schema_id="account-2", content=payload(schema_json=wider, changedFields=["0x04"]))
    )

    assert isinstance(old, ChangeEvent)
    assert isinstance(new, ChangeEvent)
    assert (old.changed_fields, new.changed_fields) == (("Site",), ("Name",))


def test_a_schema_is_asked_for_once() -> None:
    asked: list[str] = []

    def schema_json(schema_id: str) -> str:
        asked.append(schema_id)
        return ACCOUNT_SCHEMA

    reader = EventDecoder(schema_json)
    for number in range(3):
        reader.decode(received(number))

    assert asked == [SCHEMA_ID]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"content": b""}, "EOFError"),
        ({"content": payload()[:-3]}, "Error"),
        ({"content": payload() + b"\x00"}, "1 bytes are left over"),
        ({"content": b"\xff" * 40}, "Error"),
        ({"changedFields": ["0x0100"]}, "bit 8 stands for no field"),
        ({"changedFields": ["3-0x80"]}, "a bit of BillingAddress stands for no part"),
        ({"changedFields": ["zero"]}, "'zero' is no bitmap"),
        ({"changedFields": ["a-0x1"]}, "'a' is no index"),
        ({"commitTimestamp": 2**62}, "OverflowError"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bytes_that_make_no_event_are_kept_with_the_reason(broken: dict[str, Any], reason: str) -> None:
    event = undecodable(**broken)

    assert reason in event.reason
    assert event.sobject == "Account"
    assert event.payload == received(**broken).payload


@given(st.binary(max_size=400))
def test_no_bytes_at_all_stop_the_decoder(content: bytes) -> None:
    event = decoder().decode(received(content=content))

    assert event.replay_id == received().replay_id


def test_an_unknown_schema_is_told_of_the_event() -> None:
    event = undecodable(schema_id="another")

    assert (event.sobject, event.reason) == (None, "its schema is unknown (schema.validation.failed).")


def test_a_schema_that_cannot_be_asked_for_now_says_nothing_about_the_event() -> None:
    def schema_json(schema_id: str) -> str:
        raise StreamInterruptedError("away")

    with pytest.raises(StreamInterruptedError):
        EventDecoder(schema_json).decode(received())


@pytest.mark.parametrize("text", ["", "[]", '{"type": "record", "name": "X", "fields": []}', '{"fields": 1}'])
def test_what_is_no_schema_of_a_change_event_is_refused(text: str) -> None:
    with pytest.raises(SchemaUnreadableError, match="cannot be used"):
        read_schema(text)
    assert isinstance(decoder({SCHEMA_ID: text}).decode(received()), UndecodableEvent)


@pytest.mark.parametrize(
    ("compound", "part", "name"),
    [
        ("BillingAddress", "City", "BillingCity"),
        ("Address", "PostalCode", "PostalCode"),
        ("Name", "LastName", "LastName"),
        ("Depot__c", "Longitude", "Depot__Longitude__s"),
    ],
)
def test_parts_go_by_the_names_of_the_describe(compound: str, part: str, name: str) -> None:
    assert part_name(compound, part) == name


def test_a_bitmap_that_fits_no_schema_is_an_error_of_its_own() -> None:
    with pytest.raises(BitmapError):
        EventLayout(()).names(["0x02"])
