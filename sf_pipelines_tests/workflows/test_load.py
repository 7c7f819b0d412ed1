from __future__ import annotations

from pathlib import Path

import pytest

from sf_pipelines.ledger.queries import error_counts, failed_records, jobs_of_run, run_summary
from sf_pipelines.model.outcome import OutcomeCounts, VerdictState
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.model.sync import LoadSync, Tolerance
from sf_pipelines.workflows.load import LoadRequest, run_load
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.orgs import KEY, Row, load_of, write_csv

RAILS = pytest.mark.parametrize("rail", [Rail.REST, Rail.BULK])
ACCOUNT_FIELDS = (KEY, "Name", "Industry", "NumberOfEmployees", "AnnualRevenue", "Description")
DEAL_FIELDS = (KEY, "Account.External_Id__c", "Name", "StageName", "Amount", "CloseDate")


def account(key: str | None, **values: str | None) -> Row:
    return {KEY: key, "Name": f"Name of {key}", **dict.fromkeys(ACCOUNT_FIELDS[2:]), **values}


def deal(key: str, **values: str | None) -> Row:
    good = {
        "Account.External_Id__c": "a1",
        "Name": f"Deal {key}",
        "StageName": "Prospecting",
        "Amount": "10.50",
        "CloseDate": "2026-03-31",
    }
    return {KEY: key, **good, **values}


GOOD_AND_BAD_ACCOUNTS = (
    account("a1", Description='"quoted",\nand on two lines'),
    account("a2", Industry="Banking", AnnualRevenue="1.5e6"),
    account("bad-name", Name=None),
    account("bad-number", NumberOfEmployees="many"),
    account("bad-range", NumberOfEmployees="9999999999"),
    account(None),
    account("same", Name="first"),
    account("same", Name="second"),
    account("ä-ö-日本", Name="ünïcode"),
)
GOOD_AND_BAD_DEALS = (
    deal("d1"),
    deal("no-account", **{"Account.External_Id__c": None}),
    deal("orphan", **{"Account.External_Id__c": "nobody"}),
    deal("bad-date", CloseDate="31/02/2026"),
    deal("no-date", CloseDate=None),
    deal("bad-stage", StageName="Wonn"),
    deal("long", Name="very " * 40 + "long"),
    deal("bad-amount", Amount="ten"),
)


def accounts_load(folder: Path, *, tolerance: Tolerance | None = None) -> LoadSync:
    source = write_csv(folder / "accounts.csv", GOOD_AND_BAD_ACCOUNTS)
    return load_of("Account", source, ACCOUNT_FIELDS, tolerance=tolerance)


REFUSED_ACCOUNTS = {
    "bad-name": ("REQUIRED_FIELD_MISSING", ["Name"]),
    "bad-range": ("NUMBER_OUTSIDE_VALID_RANGE", ["NumberOfEmployees"]),
    "": ("MISSING_ARGUMENT", []),
    "same": ("DUPLICATE_VALUE", []),
}
REFUSED_DEALS = {
    "orphan": ("INVALID_FIELD", []),
    "no-date": ("REQUIRED_FIELD_MISSING", ["CloseDate"]),
    "bad-stage": ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["StageName"]),
    "long": ("STRING_TOO_LONG", ["Name"]),
}
UNREADABLE = {Rail.REST: "JSON_PARSER_ERROR", Rail.BULK: "INVALID_FIELD"}
"""Text that is no number or date: each API of Salesforce has its own code for it."""


@RAILS
def test_every_account_has_an_end_on_either_rail(tools: Tools, tmp_path: Path, rail: Rail) -> None:
    report = run_load(LoadRequest(sync=accounts_load(tmp_path), forced_rail=rail), tools)

    assert report.decision.rail is rail
    assert report.counts == OutcomeCounts(
        submitted=9,
        succeeded=3,
        failed=6,
        created=3,
        errors={
            "REQUIRED_FIELD_MISSING": 1,
            UNREADABLE[rail]: 1,
            "NUMBER_OUTSIDE_VALID_RANGE": 1,
            "MISSING_ARGUMENT": 1,
            "DUPLICATE_VALUE": 2,
        },
    )
    assert report.verdict.state is VerdictState.REJECTS_BEYOND_TOLERANCE
    found = failed_records(tools.engine, run_id=report.run_id)
    assert len(found) == 6
    assert {record.source_key: (record.code, list(record.fields)) for record in found} == {
        **REFUSED_ACCOUNTS,
        "bad-number": (UNREADABLE[rail], ["NumberOfEmployees"]),
    }


@RAILS
def test_every_deal_has_an_end_on_either_rail(tools: Tools, tmp_path: Path, rail: Rail) -> None:
    run_load(LoadRequest(sync=accounts_load(tmp_path)), tools)
    source = write_csv(tmp_path / "deals.csv", GOOD_AND_BAD_DEALS)

    report = run_load(LoadRequest(sync=load_of("Opportunity", source, DEAL_FIELDS), forced_rail=rail), tools)

    assert (report.counts.submitted, report.counts.succeeded, report.counts.failed) == (8, 2, 6)
    found = failed_records(tools.engine, run_id=report.run_id)
    assert {record.source_key: (record.code, list(record.fields)) for record in found} == {
        **REFUSED_DEALS,
        "bad-date": (UNREADABLE[rail], ["CloseDate"]),
        "bad-amount": (UNREADABLE[rail], ["Amount"]),
    }
    accounts = _column(tools, "SELECT Account.External_Id__c FROM Opportunity ORDER BY External_Id__c")
    assert accounts == [{"External_Id__c": "a1"}, None]


@RAILS
def test_a_failed_record_is_kept_with_all_that_is_needed_to_mend_it(
    tools: Tools, tmp_path: Path, rail: Rail
) -> None:
    report = run_load(LoadRequest(sync=accounts_load(tmp_path), forced_rail=rail), tools)

    (record,) = failed_records(tools.engine, run_id=report.run_id, code="REQUIRED_FIELD_MISSING")
    assert record.sync == "account_load"
    assert record.source_key == "bad-name"
    assert record.values == dict.fromkeys(ACCOUNT_FIELDS) | {KEY: "bad-name"}
    assert record.message == "Required fields are missing: [Name]"
    assert record.state == "failed"
    assert record.chunk == 0
    assert len(record.payload_hash) == 64
    assert (record.job_id is None) is (rail is Rail.REST)
    assert (record.request_id is None) is (rail is Rail.BULK)
    if rail is Rail.BULK:
        assert [record.job_id] == [job.job_id for job in jobs_of_run(tools.engine, report.run_id)]
        assert record.job_id in report.job_urls


def test_the_same_row_has_the_same_hash_on_either_rail(tools: Tools, tmp_path: Path) -> None:
    hashes = [_hashes(tools, accounts_load(tmp_path), rail) for rail in (Rail.REST, Rail.BULK)]
    assert hashes[0] == hashes[1]


def test_both_rails_leave_the_same_records_in_the_org(tools: Tools, tmp_path: Path) -> None:
    soql = f"SELECT {', '.join(ACCOUNT_FIELDS)} FROM Account ORDER BY External_Id__c"
    stored: list[list[dict[str, object]]] = []
    for rail in (Rail.REST, Rail.BULK):
        report = run_load(LoadRequest(sync=accounts_load(tmp_path), forced_rail=rail), tools)
        assert report.counts.succeeded == 3
        stored.append([record for page in tools.client.rest.query(soql) for record in page.records])

    assert stored[0] == stored[1]
    assert stored[0][0]["Description"] == '"quoted",\nand on two lines'
    assert stored[0][1]["AnnualRevenue"] == 1_500_000


@RAILS
def test_a_second_upsert_updates_and_creates_nothing(tools: Tools, tmp_path: Path, rail: Rail) -> None:
    request = LoadRequest(sync=accounts_load(tmp_path), forced_rail=rail)
    run_load(request, tools)

    again = run_load(request, tools)

    assert (again.counts.succeeded, again.counts.created) == (3, 0)
    assert tools.client.rest.count("SELECT COUNT() FROM Account") == 3


@RAILS
def test_rejected_rows_within_tolerance_end_green(tools: Tools, tmp_path: Path, rail: Rail) -> None:
    sync = accounts_load(tmp_path, tolerance=Tolerance(rows=6))

    report = run_load(LoadRequest(sync=sync, forced_rail=rail), tools)

    assert report.verdict.state is VerdictState.REJECTS_WITHIN_TOLERANCE


@RAILS
def test_the_ledger_tells_the_run_as_the_report_does(tools: Tools, tmp_path: Path, rail: Rail) -> None:
    request = LoadRequest(
        sync=accounts_load(tmp_path), partition_key="2026-01-05", dagster_run_id="run-1", forced_rail=rail
    )

    report = run_load(request, tools)

    run = run_summary(tools.engine, report.run_id)
    assert (run.state, run.verdict_text) == (report.verdict.state.value, report.verdict.text)
    assert (run.sync, run.sobject, run.direction) == ("account_load", "Account", "load")
    assert (run.partition_key, run.dagster_run_id) == ("2026-01-05", "run-1")
    assert (run.submitted, run.succeeded, run.failed, run.unprocessed) == (9, 3, 6, 0)
    assert run.errors == report.counts.errors
    assert (run.rail, run.api_calls) == (rail.value, report.api_calls)
    assert run.because == " ".join(reason.text for reason in report.decision.because)
    assert run.finished_at is not None
    counted = {count.code: count.rows for count in error_counts(tools.engine, report.run_id)}
    assert counted == report.counts.errors


def test_the_calls_of_a_run_are_counted(tools: Tools, tmp_path: Path) -> None:
    report = run_load(LoadRequest(sync=accounts_load(tmp_path), forced_rail=Rail.REST), tools)

    # describe, limits, and one Composite call for all nine rows
    assert report.api_calls == 3


@RAILS
def test_a_source_without_rows_is_a_complete_load_that_sends_nothing(
    tools: Tools, tmp_path: Path, rail: Rail
) -> None:
    source = tmp_path / "empty.csv"
    source.write_text("External_Id__c,Name\n")
    sync = load_of("Account", write_csv(source, [{KEY: "x", "Name": "x"}]), (KEY, "Name"))
    source.write_text("External_Id__c,Name\n")

    report = run_load(LoadRequest(sync=sync, forced_rail=rail), tools)

    assert report.counts == OutcomeCounts()
    assert report.verdict.state is VerdictState.COMPLETE
    assert jobs_of_run(tools.engine, report.run_id) == []


@RAILS
def test_rows_can_be_inserted_updated_and_deleted(tools: Tools, tmp_path: Path, rail: Rail) -> None:
    names = write_csv(tmp_path / "names.csv", [{"Name": "one"}, {"Name": "two"}])
    insert = load_of("Account", names, ("Name",), operation=Operation.INSERT, key="Name")
    inserted = run_load(LoadRequest(sync=insert, forced_rail=rail), tools)
    assert (inserted.counts.succeeded, inserted.counts.created) == (2, 2)

    ids = _column(tools, "SELECT Id FROM Account ORDER BY Name")
    gone = "001xx0000000000AAA"
    changes = write_csv(
        tmp_path / "changes.csv",
        [{"Id": ids[0], "Name": "uno"}, {"Id": ids[1], "Name": "dos"}, {"Id": gone, "Name": "tres"}],
    )
    update = load_of("Account", changes, ("Id", "Name"), operation=Operation.UPDATE, key="Id")
    updated = run_load(LoadRequest(sync=update, forced_rail=rail), tools)
    assert (updated.counts.succeeded, updated.counts.failed, updated.counts.created) == (2, 1, 0)
    assert _column(tools, "SELECT Name FROM Account ORDER BY Name") == ["dos", "uno"]

    delete = load_of("Account", changes, ("Id",), operation=Operation.DELETE, key="Id")
    deleted = run_load(LoadRequest(sync=delete, forced_rail=rail), tools)
    assert (deleted.counts.succeeded, deleted.counts.failed) == (2, 1)
    (record,) = failed_records(tools.engine, run_id=deleted.run_id)
    assert record.source_key == gone
    assert tools.client.rest.count("SELECT COUNT() FROM Account") == 0


@RAILS
def test_of_two_rows_with_one_key_the_failed_one_is_kept_and_not_its_twin(
    tools: Tools, tmp_path: Path, rail: Rail
) -> None:
    rows = [{"Name": "twin", "NumberOfEmployees": "7"}, {"Name": "twin", "NumberOfEmployees": "9999999999"}]
    source = write_csv(tmp_path / "twins.csv", rows)
    fields = ("Name", "NumberOfEmployees")
    sync = load_of("Account", source, fields, operation=Operation.INSERT, key="Name")

    report = run_load(LoadRequest(sync=sync, forced_rail=rail), tools)

    assert (report.counts.succeeded, report.counts.failed) == (1, 1)
    (record,) = failed_records(tools.engine, run_id=report.run_id)
    assert record.values == rows[1]


def test_nothing_is_left_in_the_spool_of_a_run_that_ended_by_its_verdict(
    tools: Tools, tmp_path: Path
) -> None:
    for rail in (Rail.REST, Rail.BULK):
        run_load(LoadRequest(sync=accounts_load(tmp_path), forced_rail=rail), tools)

    assert list(tools.spool.iterdir()) == []


def _column(tools: Tools, soql: str) -> list[object]:
    """The last selected thing of each record."""
    records = [record for page in tools.client.rest.query(soql) for record in page.records]
    return [list(record.values())[-1] for record in records]


def _hashes(tools: Tools, sync: LoadSync, rail: Rail) -> set[tuple[str, str]]:
    report = run_load(LoadRequest(sync=sync, forced_rail=rail), tools)
    found = failed_records(tools.engine, run_id=report.run_id)
    return {(record.source_key, record.payload_hash) for record in found}
