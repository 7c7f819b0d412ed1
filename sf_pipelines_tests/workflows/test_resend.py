"""Failed rows sent again: what goes, what stays, and when the load as a whole is green."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sf_pipelines.ledger.failure_queries import (
    FailureFilter,
    life_of_record,
    red_loads,
    stream_failures,
)
from sf_pipelines.ledger.queries import run_summary
from sf_pipelines.model.outcome import FailedRecord, FailureClass, Verdict, VerdictState
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.model.sync import FieldMapping, LoadScope, LoadSync, Tolerance
from sf_pipelines.workflows.errors import SyncError
from sf_pipelines.workflows.load import LoadReport, LoadRequest, run_load
from sf_pipelines.workflows.redaction import REDACTED
from sf_pipelines.workflows.resend import FailedOnly, OpenRecord, source_row, with_corrections
from sf_pipelines.workflows.retries import PAUSE, RetryCursor, look_for_retries
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.ledger.samples import counts, failed_record, start_load
from sf_pipelines_tests.workflows.orgs import KEY, NOON, Row, load_of, write_csv

FIELDS = (KEY, "Name", "NumberOfEmployees")
NIGHT = "2026-03-03"
LOCKED = replace(failed_record("a1", code="UNABLE_TO_LOCK_ROW"), failure_class=FailureClass.LOCK)
RAILS = pytest.mark.parametrize("rail", [Rail.REST, Rail.BULK])


def account(key: str, name: str | None = "Ann", employees: str = "5") -> Row:
    return {KEY: key, "Name": name, "NumberOfEmployees": employees}


BAD = (account("a1"), account("a2", name=None), account("a3", employees="9999999999"))
MENDED = (account("a1"), account("a2", name="Bo"), account("a3", employees="9999999999"))


@pytest.fixture
def sync(tmp_path: Path) -> LoadSync:
    return load_of("Account", write_csv(tmp_path / "accounts.csv", BAD), FIELDS)


def run(
    sync: LoadSync,
    tools: Tools,
    scope: LoadScope = LoadScope.ALL,
    *,
    rail: Rail | None = None,
    partition: str = NIGHT,
) -> LoadReport:
    request = LoadRequest(sync=sync, partition_key=partition, scope=scope, forced_rail=rail)
    return run_load(request, tools)


def fail(tools: Tools, record: FailedRecord) -> None:
    """A run that left this record, in the ledger alone."""
    run_id = start_load(tools.ledger)
    lost = counts(errors={record.error.code: 1})
    tools.ledger.store_outcomes(run_id, chunk=0, rail=Rail.BULK, counts=lost, failed=[record])
    verdict = Verdict(state=VerdictState.REJECTS_BEYOND_TOLERANCE, text="1 row did not reach the org.")
    tools.ledger.finish_run(run_id, verdict=verdict, counts=lost, api_calls=1)


def open_keys(tools: Tools) -> list[str]:
    return sorted(row.source_key for row in stream_failures(tools.engine, FailureFilter(), limit=None))


def change_source(sync: LoadSync, rows: Sequence[Row]) -> None:
    write_csv(Path(sync.source.location), rows)


@RAILS
def test_a_mended_row_is_sent_again_alone_and_its_record_is_resolved(
    sync: LoadSync, tools: Tools, rail: Rail
) -> None:
    first = run(sync, tools, rail=rail)
    assert open_keys(tools) == ["a2", "a3"]
    change_source(sync, MENDED)

    again = run(sync, tools, LoadScope.RETRYABLE, rail=rail)

    assert (again.counts.submitted, again.counts.succeeded) == (1, 1)
    assert open_keys(tools) == ["a3"]
    (step,) = life_of_record(tools.engine, "a2")
    assert (step.record.run_id, step.record.resolved_by) == (first.run_id, again.run_id)
    assert tools.client.rest.count(f"SELECT COUNT() FROM Account WHERE {KEY} = 'a2' AND Name = 'Bo'") == 1


def test_a_row_that_would_only_fail_the_same_way_stays_out(sync: LoadSync, tools: Tools) -> None:
    run(sync, tools)

    again = run(sync, tools, LoadScope.RETRYABLE)

    assert again.counts.submitted == 0
    assert open_keys(tools) == ["a2", "a3"]


def test_a_person_can_ask_for_all_that_failed(sync: LoadSync, tools: Tools) -> None:
    run(sync, tools)

    again = run(sync, tools, LoadScope.FAILED)

    assert (again.counts.submitted, again.counts.failed) == (2, 2)
    assert open_keys(tools) == ["a2", "a3"]
    assert len(life_of_record(tools.engine, "a2")) == 2


def test_the_night_stays_red_while_more_rows_are_open_than_the_tolerance_allows(
    sync: LoadSync, tools: Tools
) -> None:
    run(sync, tools)
    change_source(sync, MENDED)

    again = run(sync, tools, LoadScope.RETRYABLE)

    assert again.verdict.state is VerdictState.REJECTS_BEYOND_TOLERANCE
    assert again.verdict.text == (
        "1 rows were sent again and 1 got through; 1 of 3 rows are still open, the tolerance is 0."
    )
    assert [load.run_id for load in red_loads(tools.engine)] == [again.run_id]


def test_the_night_ends_green_when_the_last_open_row_gets_through(sync: LoadSync, tools: Tools) -> None:
    first = run(sync, tools)
    change_source(sync, MENDED)
    run(sync, tools, LoadScope.RETRYABLE)
    change_source(sync, (*MENDED[:2], account("a3", employees="7")))

    last = run(sync, tools, LoadScope.RETRYABLE)

    assert last.verdict.state is VerdictState.COMPLETE
    assert open_keys(tools) == []
    assert red_loads(tools.engine) == []
    assert run_summary(tools.engine, first.run_id).state == VerdictState.REJECTS_BEYOND_TOLERANCE


def test_open_rows_within_the_tolerance_make_the_night_green_with_a_warning(
    sync: LoadSync, tools: Tools
) -> None:
    tolerant = replace(sync, tolerance=Tolerance(rows=1))
    run(tolerant, tools)
    change_source(sync, MENDED)

    again = run(tolerant, tools, LoadScope.RETRYABLE)

    assert again.verdict.state is VerdictState.REJECTS_WITHIN_TOLERANCE


def test_a_whole_load_of_the_next_night_closes_what_is_gone_from_the_source(
    sync: LoadSync, tools: Tools
) -> None:
    run(sync, tools)
    change_source(sync, MENDED[:2])

    run(sync, tools, partition="2026-03-04")

    assert open_keys(tools) == []
    assert [step.superseded_by is None for step in life_of_record(tools.engine, "a3")] == [False]
    assert red_loads(tools.engine) == []


def test_a_record_that_fails_every_night_is_open_once(sync: LoadSync, tools: Tools) -> None:
    run(sync, tools)
    run(sync, tools, partition="2026-03-04")

    assert open_keys(tools) == ["a2", "a3"]


def test_rows_mended_in_an_export_are_sent_as_they_stand_there(
    sync: LoadSync, tools: Tools, tmp_path: Path
) -> None:
    run(sync, tools)
    path = tmp_path / "fix.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["error_code", *FIELDS])
        writer.writerow(["REQUIRED_FIELD_MISSING", "a2", "Mended by hand", "5"])
        writer.writerow(["", "never-failed", "Not asked for", "5"])

    again = run(with_corrections(sync, str(path)), tools, LoadScope.FAILED)

    assert (again.counts.submitted, again.counts.succeeded) == (1, 1)
    assert open_keys(tools) == ["a3"]
    assert tools.client.rest.count("SELECT COUNT() FROM Account WHERE Name = 'Mended by hand'") == 1


def test_an_export_cannot_bring_back_sensitive_values(sync: LoadSync) -> None:
    secret = replace(sync, fields=(*sync.fields[:2], replace(sync.fields[2], is_sensitive=True)))

    with pytest.raises(SyncError, match="sensitive fields \\(NumberOfEmployees\\)"):
        with_corrections(secret, "fix.csv")


@RAILS
def test_sensitive_values_reach_the_org_and_no_record_of_the_ledger(
    sync: LoadSync, tools: Tools, tmp_path: Path, rail: Rail
) -> None:
    rows = (account("a1", name="Open Sesame"), account("a2", name="Open Sesame", employees="9999999999"))
    hidden = replace(
        sync,
        fields=tuple(
            FieldMapping(field=item.field, column=item.column, is_sensitive=item.field != KEY)
            for item in sync.fields
        ),
    )
    change_source(sync, rows)

    run(hidden, tools, rail=rail)

    (record,) = stream_failures(tools.engine, FailureFilter(), limit=None)
    assert record.values == {KEY: "a2", "Name": REDACTED, "NumberOfEmployees": REDACTED}
    assert "Sesame" not in record.message
    assert "9999999999" not in record.message
    assert tools.client.rest.count("SELECT COUNT() FROM Account WHERE Name = 'Open Sesame'") == 1


def test_an_insert_that_may_be_done_waits_for_a_person_who_has_looked(sync: LoadSync) -> None:
    unknown = OpenRecord("a2", "hash", FailureClass.UNKNOWN, NOON)
    insert = replace(sync, operation=Operation.INSERT)

    assert FailedOnly(insert, [unknown], scope=LoadScope.FAILED).is_empty
    assert not FailedOnly(sync, [unknown], scope=LoadScope.FAILED).is_empty


def test_the_row_of_a_key_is_found_at_the_source_as_it_would_be_sent(sync: LoadSync, tools: Tools) -> None:
    assert source_row(sync, "a2", tools.engine) == {KEY: "a2", "Name": None, "NumberOfEmployees": "5"}
    assert source_row(sync, "a9", tools.engine) is None


class TestLooking:
    """What the sensor asks for, and what it says where it asks for nothing."""

    def test_nothing_open_is_one_sentence(self, sync: LoadSync, tools: Tools) -> None:
        look = look_for_retries([sync], tools.engine, {}, now=NOON)

        assert (look.retries, look.why_none) == ([], "No failed record is open.")

    def test_rows_that_changed_at_the_source_are_asked_for_once_in_a_while(
        self, sync: LoadSync, tools: Tools
    ) -> None:
        run(sync, tools)
        assert (
            "none is due and none has changed"
            in look_for_retries([sync], tools.engine, {}, now=NOON).why_none
        )
        change_source(sync, MENDED)

        look = look_for_retries([sync], tools.engine, {}, now=NOON)
        (retry,) = look.retries
        assert (retry.partition_key, retry.rows_due, retry.rows_changed) == (NIGHT, 0, 1)
        assert retry.run_key == f"account_load:{NIGHT}:attempt-2"

        soon = look_for_retries([sync], tools.engine, look.looked_at, now=NOON + PAUSE - timedelta(seconds=1))
        assert soon.retries == []
        assert "looked at again at 12:15Z" in soon.why_none
        assert look_for_retries([sync], tools.engine, look.looked_at, now=NOON + PAUSE).retries

    def test_a_retry_whose_time_has_come_is_asked_for(self, sync: LoadSync, tools: Tools) -> None:
        change_source(sync, MENDED[1:])
        fail(tools, replace(LOCKED, next_attempt_at=NOON))

        early = look_for_retries([sync], tools.engine, {}, now=NOON - timedelta(seconds=1))
        assert "the next is due at 2026-03-04 12:00Z" in early.why_none
        (retry,) = look_for_retries([sync], tools.engine, {}, now=NOON).retries
        assert (retry.partition_key, retry.rows_due) == ("2026-01-05", 1)

    def test_a_source_that_cannot_be_read_is_told_and_stops_nothing(
        self, sync: LoadSync, tools: Tools
    ) -> None:
        run(sync, tools)
        Path(sync.source.location).unlink()

        assert "cannot be compared" in look_for_retries([sync], tools.engine, {}, now=NOON).why_none

    def test_the_cursor_reads_back_what_it_wrote(self) -> None:
        cursor = RetryCursor(fingerprint="f", looked_at={"account_load": NOON})

        assert RetryCursor.read(cursor.write()) == cursor
        assert RetryCursor.read(None) == RetryCursor.read('{"version": 0}') == RetryCursor()
