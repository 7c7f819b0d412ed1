"""What 200-row chunks mean for rows of one job, and how cells come back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sf_pipelines.emulator.bulk.header import bind_header
from sf_pipelines.emulator.bulk.row_columns import parse_rows
from sf_pipelines.emulator.dml.batch import RecordColumns
from sf_pipelines.emulator.results import RowResult
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines_tests.emulator.bulk.support import bench

KEYED = {"operation": "upsert", "external_id_field": "External_Id__c"}


def test_a_key_that_comes_again_in_a_later_chunk_updates_the_record() -> None:
    rows = [f"e-{number % 250},n{number}" for number in range(300)]
    with bench() as org:
        job = org.run(org.add_job("External_Id__c,Name\n" + "\n".join(rows) + "\n", **KEYED))

        assert (job.records_processed, job.records_failed) == (300, 0)
        assert org.org.query("SELECT Id FROM Account").total_size == 250


def test_a_key_that_comes_again_in_the_same_chunk_fails_both() -> None:
    with bench() as org:
        job = org.run(org.add_job("External_Id__c,Name\ne-1,a\ne-1,b\ne-2,c\n", **KEYED))

        assert job.records_failed == 2


@pytest.mark.parametrize(("other_case", "chunks"), [(False, 1), (True, 2)])
def test_only_a_record_that_comes_again_needs_chunks(
    other_case: bool, chunks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench() as org:
        created = org.run(org.add_job("Name\n" + "n\n" * 300))
        ids = [row[0] for row in org.rows(created, "successful")]
        assert len({id_[:15].lower() for id_ in ids}) < len(ids)  # 001...00A and 001...00a are two records
        again = [ids[0].lower()] if other_case else []
        calls: list[int] = []
        update = org.org.update

        def counted(sobject: str, records: Sequence[Any], **options: Any) -> Sequence[RowResult]:
            calls.append(len(records))
            return update(sobject, records, **options)

        monkeypatch.setattr(org.org, "update", counted)
        job = org.run(org.add_job("Id,Name\n" + "".join(f"{id_},m\n" for id_ in ids + again), "update"))

        assert (job.records_failed, len(calls)) == (0, chunks)


def test_a_parent_of_an_earlier_chunk_is_found_by_its_key() -> None:
    rows = [f"e-{number},n,{'' if number < 200 else 'e-0'}" for number in range(201)]
    with bench() as org:
        content = "External_Id__c,Name,Parent.External_Id__c\n" + "\n".join(rows) + "\n"
        job = org.run(org.add_job(content))

        assert job.records_failed == 0
        assert org.org.query("SELECT Id FROM Account WHERE Parent.External_Id__c = 'e-0'").total_size == 1


def test_currencies_come_back_as_java_writes_them_and_other_cells_as_sent() -> None:
    with bench() as org:
        content = "Name,AnnualRevenue,NumberOfEmployees\na,912260031,007\nb,12.50,\n,5,x\n"
        job = org.run(org.add_job(content))

        assert [row[2:] for row in org.rows(job, "successful")] == [
            ["a", "9.12260031E8", "007"],
            ["b", "12.5", ""],
        ]
        assert [row[2:] for row in org.rows(job, "failed")] == [["", "5.0", "x"]]


def test_booleans_are_taken_in_every_documented_form() -> None:
    schema = load_schema(None)
    contact = schema.object("Contact")
    columns = bind_header(schema, contact, "insert", ["HasOptedOutOfEmail"])
    cells = ["true", "FALSE", "1", "0", "yes", "No", "#N/A"]

    parsed = parse_rows(columns, [[cell] for cell in cells])

    expected = [True, False, True, False, True, False, None]
    assert parsed.records.columns["HasOptedOutOfEmail"] == expected


def test_record_columns_are_records_by_row() -> None:
    records = RecordColumns({"Name": ["a", "b", "c"], "Phone": ["1", "2", "3"]}, 3)

    assert [dict(record) for record in records][1] == {"Name": "b", "Phone": "2"}
    assert [record["Name"] for record in records[1:]] == ["b", "c"]
    assert [record["Name"] for record in records.take([2, 0])] == ["c", "a"]
