"""Rows that the org could not lock: sent again by smaller transactions, every attempt in the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select

from sf_pipelines.config.limits import COLLECTION_MAX_ROWS
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.ledger.load_queries import chunks_of_run
from sf_pipelines.ledger.queries import failed_records
from sf_pipelines.ledger.tables import failed_record
from sf_pipelines.model.outcome import OutcomeCounts, OutcomeState, RecordError, RecordOutcome, VerdictState
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.model.sync import LoadSync
from sf_pipelines.policy.retry_plan import MAX_ATTEMPTS
from sf_pipelines.rails.errors import UnreachableError
from sf_pipelines.rails.ports import RecordPage, RestPort, WriteResponse
from sf_pipelines.workflows.load import LoadRequest, run_load
from sf_pipelines.workflows.redaction import REDACTED
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.orgs import KEY, load_of, write_csv

LOCKED = RecordOutcome(
    state=OutcomeState.FAILED,
    error=RecordError(code="UNABLE_TO_LOCK_ROW", message="unable to obtain exclusive access to this record"),
)


class Locking(RestPort):
    """The real REST port, but rows whose key is named are locked so many times before they are written."""

    def __init__(self, inside: RestPort, locks: Mapping[str, int]) -> None:
        self._inside = inside
        self._locks = dict(locks)
        self.calls: list[tuple[list[str], int]] = []
        self.unreachable_at: int | None = None

    def write(
        self,
        sobject: str,
        operation: Operation,
        records: Sequence[Mapping[str, Any]],
        *,
        external_id_field: str | None = None,
        collection_rows: int = COLLECTION_MAX_ROWS,
    ) -> WriteResponse:
        keys = [str(record[KEY]) for record in records]
        self.calls.append((keys, collection_rows))
        if len(self.calls) == self.unreachable_at:
            raise UnreachableError("No connection.")
        is_locked = [self._locks.get(key, 0) > 0 for key in keys]
        for key in keys:
            self._locks[key] = self._locks.get(key, 0) - 1
        free = [record for record, locked in zip(records, is_locked, strict=True) if not locked]
        response = self._inside.write(sobject, operation, free, external_id_field=external_id_field)
        written = iter(response.outcomes)
        outcomes = tuple(LOCKED if locked else next(written) for locked in is_locked)
        return WriteResponse(outcomes=outcomes, request_id=response.request_id)

    def count(self, soql: str) -> int:
        return self._inside.count(soql)

    def query(self, soql: str, *, include_deleted: bool = False) -> Iterator[RecordPage]:
        return self._inside.query(soql, include_deleted=include_deleted)


def locking(tools: Tools, locks: Mapping[str, int]) -> tuple[Tools, Locking]:
    rest = Locking(tools.client.rest, locks)
    return replace(tools, client=replace(tools.client, rest=rest)), rest


def accounts(folder: Path) -> LoadSync:
    rows = [{KEY: f"a{n}", "Name": f"Name {n}" if n != 4 else ""} for n in range(6)]
    return load_of("Account", write_csv(folder / "accounts.csv", rows), (KEY, "Name"))


def by_rest(sync: LoadSync) -> LoadRequest:
    return LoadRequest(sync=sync, forced_rail=Rail.REST)


def test_locked_rows_alone_are_sent_again_in_smaller_collections(tools: Tools, tmp_path: Path) -> None:
    locked, rest = locking(tools, {"a1": 1, "a3": 2})

    report = run_load(by_rest(accounts(tmp_path)), locked)

    assert rest.calls == [
        ([f"a{n}" for n in range(6)], COLLECTION_MAX_ROWS),
        (["a1", "a3"], COLLECTION_MAX_ROWS // 2),
        (["a3"], COLLECTION_MAX_ROWS // 4),
    ]
    assert report.counts == OutcomeCounts(
        submitted=6, succeeded=5, failed=1, created=5, errors={"REQUIRED_FIELD_MISSING": 1}
    )
    assert [state.plan.attempt for state in chunks_of_run(tools.engine, report.run_id)] == [1, 2, 3]


def test_every_attempt_is_in_the_ledger_with_how_it_ended(tools: Tools, tmp_path: Path) -> None:
    locked, _ = locking(tools, {"a1": 1, "a3": 2})

    report = run_load(by_rest(accounts(tmp_path)), locked)

    columns = (failed_record.c.source_key, failed_record.c.attempt, failed_record.c.resent_in)
    with tools.engine.connect() as connection:
        told = connection.execute(select(*columns, failed_record.c.resolved_by)).all()
    assert {tuple(row) for row in told} == {
        ("a1", 1, 2, report.run_id),
        ("a3", 1, 2, None),
        ("a3", 2, 3, report.run_id),
        ("a4", 1, None, None),
    }


def test_attempts_are_bounded_and_what_stays_locked_waits_for_a_later_run(
    tools: Tools, tmp_path: Path
) -> None:
    locked, rest = locking(tools, {"a1": 99})

    report = run_load(by_rest(accounts(tmp_path)), locked)

    assert len(rest.calls) == MAX_ATTEMPTS
    assert report.counts.errors == {"REQUIRED_FIELD_MISSING": 1, "UNABLE_TO_LOCK_ROW": 1}
    assert report.verdict.state is VerdictState.REJECTS_BEYOND_TOLERANCE
    last = failed_records(tools.engine, run_id=report.run_id, code="UNABLE_TO_LOCK_ROW")[0]
    assert (last.attempt, last.failure_class) == (MAX_ATTEMPTS, "lock")
    assert last.next_attempt_at is not None


def test_a_process_that_dies_between_attempts_leaves_the_locked_rows_to_the_next(
    tools: Tools, tmp_path: Path
) -> None:
    locked, rest = locking(tools, {"a1": 1})
    rest.unreachable_at = 2
    with pytest.raises(UnreachableError):
        run_load(by_rest(accounts(tmp_path)), locked)

    again, seen = locking(tools, {})
    report = run_load(by_rest(accounts(tmp_path)), again)

    assert [keys for keys, _ in seen.calls] == [["a1"]]
    assert (report.counts.submitted, report.counts.succeeded, report.counts.failed) == (6, 5, 1)


def test_sensitive_values_survive_a_lock_and_stay_out_of_the_ledger(tools: Tools, tmp_path: Path) -> None:
    """The ledger has only stars for them: what goes again is found in the payload by its hash."""
    plain = accounts(tmp_path)
    fields = tuple(replace(item, is_sensitive=item.field == "Name") for item in plain.fields)
    locked, rest = locking(tools, {"a1": 1, "a3": 2})

    report = run_load(by_rest(replace(plain, fields=fields)), locked)

    assert [keys for keys, _ in rest.calls[1:]] == [["a1", "a3"], ["a3"]]
    assert (report.counts.succeeded, report.counts.failed) == (5, 1)
    pages = tools.client.rest.query(f"SELECT {KEY}, Name FROM Account")
    stored = sorted((row[KEY], row["Name"]) for page in pages for row in page.records)
    assert stored == [(f"a{n}", f"Name {n}") for n in range(6) if n != 4]
    with tools.engine.connect() as connection:
        values = connection.execute(select(failed_record.c["values"])).scalars().all()
    assert len(values) == 4
    assert {value["Name"] for value in values if value[KEY] != "a4"} == {REDACTED}


def test_rows_locked_in_a_job_go_by_a_job_of_their_own_and_then_by_collections(
    tools: Tools, emulator: EmulatorServer, tmp_path: Path
) -> None:
    fault = {
        "kind": "job_rows_fail",
        "object": "Account",
        "share": 0.9,
        "code": "UNABLE_TO_LOCK_ROW",
        "seed": 1,
    }
    requests.post(f"{emulator.credentials.url}/emulator/faults", json=fault, timeout=10).raise_for_status()
    rows = [{KEY: f"a{n}", "Name": f"Name {n}"} for n in range(2_400)]
    sync = load_of("Account", write_csv(tmp_path / "accounts.csv", rows), (KEY, "Name"))

    report = run_load(LoadRequest(sync=sync, forced_rail=Rail.BULK), tools)

    assert report.counts == OutcomeCounts(submitted=2_400, succeeded=2_400, failed=0, created=2_400)
    plans = [state.plan for state in chunks_of_run(tools.engine, report.run_id)]
    rails_of_attempts = sorted({(plan.attempt, plan.rail) for plan in plans})
    assert rails_of_attempts == [(1, "bulk"), (2, "bulk"), (3, "rest")]
    sent_again = {n: sum(plan.rows for plan in plans if plan.attempt == n) for n in (2, 3)}
    by_attempt = select(failed_record.c.attempt, func.count()).group_by(failed_record.c.attempt)
    with tools.engine.connect() as connection:
        told = {attempt + 1: count for attempt, count in connection.execute(by_attempt).all()}
    assert told == sent_again
    pages = tools.client.rest.query(f"SELECT {KEY} FROM Account")
    keys = sorted(row[KEY] for page in pages for row in page.records)
    assert keys == sorted(row[KEY] for row in rows)
