from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from sf_pipelines.ledger.change_queries import open_gaps
from sf_pipelines.ledger.change_verbs import ChangeLedger
from sf_pipelines.model.change import ChangeEvent, ChangeType, ReplayPosition
from sf_pipelines.workflows.merge_changes import ChangeMerge, merge_changes
from sf_pipelines_tests.fakes.event_samples import ACCOUNT_FIELDS, optional, schema
from sf_pipelines_tests.ledger.change_samples import CHANNEL, HOLDER, NOON, change

ONE, TWO = "001000000000001AAA", "001000000000002AAA"
MODIFIED = {**optional("LastModifiedDate", "long"), "doc": "LastModifiedDate:DateTime"}
FIELDS = (*(field for field in ACCOUNT_FIELDS if field["name"] != "LastModifiedDate"), MODIFIED)
LATER_FIELDS = (
    *FIELDS,
    {**optional("Founded__c", "long"), "doc": "Data:DateOnly:00N1"},
    {**optional("OpensAt__c", "long"), "doc": "Data:TimeOnly:00N2"},
    {**optional("IsKey__c", "boolean"), "doc": "Data:Boolean:00N3"},
)


class Stream:
    """Events that are stored as a subscriber would, and merged."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.ledger = ChangeLedger(engine)
        self.ledger.take_channel(CHANNEL, HOLDER)
        self.ledger.keep_schema("schema-1", schema(fields=FIELDS))
        self.ledger.keep_schema("schema-2", schema(fields=LATER_FIELDS))

    def store(self, *events: ChangeEvent, open_transaction: str | None = None) -> None:
        position = ReplayPosition(replay_id=events[-1].replay_id, open_transaction=open_transaction)
        self.ledger.store_change_batch(CHANNEL, events, position, holder=HOLDER)

    def merge(self, *events: ChangeEvent) -> ChangeMerge:
        if events:
            self.store(*events)
        return merge_changes(self.engine, "Account", CHANNEL)

    def rows(self) -> dict[str, dict[str, Any]]:
        with self.engine.begin() as connection:
            found = connection.execute(text("SELECT * FROM raw.account")).mappings()
            return {row["Id"]: dict(row) for row in found}

    def run(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))


@pytest.fixture
def stream(engine: Engine) -> Stream:
    return Stream(engine)


def at(number: int) -> int:
    """When an event of that number was made, as Avro has it."""
    return int((NOON + timedelta(milliseconds=number)).timestamp() * 1000)


def create(number: int, record_id: str = ONE, **values: Any) -> ChangeEvent:
    values = {"LastModifiedDate": at(number), **values}
    return _event(number, ChangeType.CREATE, record_id, values)


def update(number: int, record_id: str = ONE, **values: Any) -> ChangeEvent:
    return _event(number, ChangeType.UPDATE, record_id, {"LastModifiedDate": at(number), **values})


def _event(number: int, kind: ChangeType, record_id: str, values: dict[str, Any]) -> ChangeEvent:
    return change(
        number,
        transaction=f"t-{number}",
        change_type=kind,
        record_ids=(record_id,),
        changed_fields=(),
        nulled_fields=(),
        values=values,
    )


def test_an_event_that_comes_late_does_not_go_over_a_newer_one(stream: Stream) -> None:
    stream.merge(create(1, Name="a", Site="x"), update(5, Name="newer"))

    merge = stream.merge(update(3, Name="late"))

    assert stream.rows()[ONE]["Name"] == "newer"
    assert (merge.events, merge.rows_updated) == (1, 0)


def test_an_event_of_the_same_millisecond_is_merged_in_the_order_of_the_stream(stream: Stream) -> None:
    same = NOON + timedelta(milliseconds=1)
    stream.merge(create(1, Name="a"))

    stream.merge(change(2, transaction="t-2", commit_timestamp=same, values={"Name": "b"}, nulled_fields=()))

    assert stream.rows()[ONE]["Name"] == "b"


def test_an_event_older_than_what_an_extract_read_is_left_out(stream: Stream) -> None:
    stream.merge(create(1, Name="a"))
    stamp = (NOON + timedelta(minutes=1)).isoformat()
    stream.run(
        f"""UPDATE raw.account SET "Name" = 'extracted', "SystemModstamp" = '{stamp}', _changed_at = NULL"""
    )

    stream.merge(update(5, Name="old"))

    assert stream.rows()[ONE]["Name"] == "extracted"


def test_only_what_an_event_carries_is_written_and_a_null_only_where_it_says_so(stream: Stream) -> None:
    stream.merge(create(1, Name="a", Site="x", AnnualRevenue=1.5, BillingCity="Berlin"))

    stream.merge(update(2, Site=None))

    row = stream.rows()[ONE]
    assert (row["Name"], row["Site"], row["AnnualRevenue"]) == ("a", None, 1.5)
    assert row["BillingCity"] == "Berlin"
    assert row["SystemModstamp"] == NOON + timedelta(milliseconds=2)


def test_a_transaction_that_is_stored_in_part_waits_for_its_rest(stream: Stream) -> None:
    first, second = create(1, Name="a"), create(2, TWO, Name="b")
    stream.store(first, open_transaction="t-1")

    assert stream.merge().events == 0
    stream.store(second)
    assert stream.merge().events == 2


def test_a_delete_marks_the_row_and_an_undelete_brings_all_its_values_back(stream: Stream) -> None:
    stream.merge(create(1, Name="a", Site="x"), _event(2, ChangeType.DELETE, ONE, {}))
    assert (stream.rows()[ONE]["IsDeleted"], stream.rows()[ONE]["Site"]) == (True, "x")

    stream.merge(_event(3, ChangeType.UNDELETE, ONE, {"Name": "a", "LastModifiedDate": at(3)}))

    row = stream.rows()[ONE]
    assert (row["IsDeleted"], row["Name"], row["Site"]) == (False, "a", None)


def test_a_field_that_is_new_in_mid_stream_becomes_a_column_of_its_own_type(stream: Stream) -> None:
    stream.merge(create(1, Name="a"), create(2, TWO, Name="b"))
    founded = int(datetime(1899, 12, 31, tzinfo=UTC).timestamp() * 1000)
    event = change(
        3,
        transaction="t-3",
        schema_id="schema-2",
        nulled_fields=(),
        values={"Founded__c": founded, "OpensAt__c": 9 * 3_600_000 + 1, "IsKey__c": True},
    )

    merge = stream.merge(event)

    assert merge.columns_added == ("Founded__c", "OpensAt__c", "IsKey__c")
    row, other = stream.rows()[ONE], stream.rows()[TWO]
    assert (row["Founded__c"], row["OpensAt__c"]) == (date(1899, 12, 31), time(9, 0, 0, 1000))
    assert (row["IsKey__c"], other["IsKey__c"], other["Founded__c"]) == (True, False, None)


def test_parts_of_an_address_also_change_the_address_that_a_table_keeps_whole(stream: Stream) -> None:
    stream.merge(create(1, Name="a"))
    whole = {"street": "Am Ufer 1", "city": "Berlin", "state": None}
    stream.run(f"""ALTER TABLE raw.account ADD "BillingAddress" jsonb DEFAULT '{json.dumps(whole)}'""")

    stream.merge(update(2, BillingCity="Bonn"))
    changed = stream.rows()[ONE]["BillingAddress"]
    stream.merge(update(3, BillingCity=None, BillingStreet=None))

    assert (changed["city"], changed["street"], len(changed)) == ("Bonn", "Am Ufer 1", 10)
    assert stream.rows()[ONE]["BillingAddress"] is None


def test_a_change_of_a_record_that_the_table_lacks_opens_a_gap_of_it(stream: Stream) -> None:
    merge = stream.merge(update(1, Name="a"))

    assert merge.records_in_doubt == 1
    (gap,) = open_gaps(stream.engine)
    assert (gap.sobject, gap.record_ids) == ("Account", [ONE])
    assert stream.rows() == {}


def test_a_text_that_came_as_a_diff_is_not_written_and_opens_a_gap(stream: Stream) -> None:
    stream.merge(create(1, Name="a", Site="long"))
    values = {"Site": "--- \n+++ 00\n@@", "Name": "b"}

    stream.merge(change(2, transaction="t-2", nulled_fields=(), diff_fields=("Site",), values=values))

    assert (stream.rows()[ONE]["Site"], stream.rows()[ONE]["Name"]) == ("long", "b")
    (gap,) = open_gaps(stream.engine)
    assert gap.record_ids == [ONE]


def test_changes_of_our_own_loads_are_told_from_those_of_others(stream: Stream) -> None:
    ours = "com/salesforce/api/rest/66.0;client=sf_pipelines"
    mine = change(3, transaction="t-3", change_origin=ours, nulled_fields=(), values={"Name": "ours"})
    stream.merge(
        create(1, Name="a"), change(2, transaction="t-2", change_origin="", values={"Name": "b"}), mine
    )

    row = stream.rows()[ONE]
    assert (row["Name"], row["_change_origin"]) == ("ours", ours)
    assert row["_others_changed_at"] == NOON + timedelta(milliseconds=2)


def test_the_same_event_by_two_channels_is_merged_once(stream: Stream) -> None:
    stream.merge(create(1, Name="a"), update(2, Name="b"), update(3, Name="c"))
    stream.ledger.take_channel("/data/Team__chn", HOLDER)
    position = ReplayPosition(replay_id=b"1")
    stream.ledger.store_change_batch("/data/Team__chn", [update(2, Name="b")], position, holder=HOLDER)

    stream.merge()

    assert stream.rows()[ONE]["Name"] == "c"


Steps = list[tuple[str, str, dict[str, Any]]]
FIELD_VALUES = st.dictionaries(
    st.sampled_from(["Name", "Site", "BillingCity"]), st.one_of(st.none(), st.sampled_from("abc")), max_size=3
)
KINDS = ("CREATE", "UPDATE", "DELETE", "UNDELETE")
STEPS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from([ONE, TWO]), FIELD_VALUES), min_size=1, max_size=8
)


def expected(steps: Steps) -> dict[str, dict[str, Any]]:
    """What merging one event after the other would give."""
    rows: dict[str, dict[str, Any]] = {}
    empty = {"Name": None, "Site": None, "BillingCity": None}
    for kind, record_id, values in steps:
        if kind in ("CREATE", "UNDELETE"):
            rows[record_id] = {**empty, **values, "IsDeleted": False}
        elif record_id in rows:
            rows[record_id] |= {"IsDeleted": True} if kind == "DELETE" else values
    return rows


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, cuts=st.sets(st.integers(1, 8)))
def test_merging_in_any_batches_equals_merging_event_by_event(
    stream: Stream, steps: Steps, cuts: Iterable[int]
) -> None:
    stream.run("DROP TABLE IF EXISTS raw.account")
    stream.run("TRUNCATE ledger.change_event")
    for number, (kind, record_id, values) in enumerate(steps, 1):
        told = {} if kind == "DELETE" else {**values, "LastModifiedDate": at(number)}
        stream.store(_event(number, ChangeType(kind), record_id, told))
        if number in set(cuts):
            stream.merge()
    stream.merge()

    names = ("Name", "Site", "BillingCity", "IsDeleted")
    found = {id_: {name: row[name] for name in names} for id_, row in stream.rows().items()}
    assert found == expected(steps)
