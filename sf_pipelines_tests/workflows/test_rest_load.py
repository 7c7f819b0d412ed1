from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sf_pipelines.config.limits import COLLECTION_MAX_ROWS
from sf_pipelines.ledger.queries import failed_records, recent_runs
from sf_pipelines.model.outcome import OutcomeCounts, VerdictState
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.model.sync import LoadSync, Tolerance
from sf_pipelines.rails.errors import RequestLimitError, SalesforceError, UnknownOutcomeError
from sf_pipelines.rails.ports import RecordPage, RestPort, WriteResponse
from sf_pipelines.workflows.load import LoadRequest, run_load
from sf_pipelines.workflows.rest_load import REPEAT_ATTEMPTS
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.orgs import KEY, load_of, write_csv

ROWS = 2_300
LOST = UnknownOutcomeError("The answer was lost.", request_id="r-lost")


class TroubledRest(RestPort):
    """The real REST port, where some writes end by an error: before they are sent, or after."""

    def __init__(
        self, inside: RestPort, errors: Mapping[int, SalesforceError], *, after_sending: bool = False
    ) -> None:
        self._inside = inside
        self._errors = errors
        self._after_sending = after_sending
        self.sizes: list[int] = []

    def write(
        self,
        sobject: str,
        operation: Operation,
        records: Sequence[Mapping[str, Any]],
        *,
        external_id_field: str | None = None,
        collection_rows: int = COLLECTION_MAX_ROWS,
    ) -> WriteResponse:
        self.sizes.append(len(records))
        error = self._errors.get(len(self.sizes))
        if error is not None and not self._after_sending:
            raise error
        response = self._inside.write(
            sobject, operation, records, external_id_field=external_id_field, collection_rows=collection_rows
        )
        if error is not None:
            raise error
        return response

    def count(self, soql: str) -> int:
        return self._inside.count(soql)

    def query(self, soql: str, *, include_deleted: bool = False) -> Iterator[RecordPage]:
        return self._inside.query(soql, include_deleted=include_deleted)


def troubled(
    tools: Tools, errors: Mapping[int, SalesforceError], *, after_sending: bool = False
) -> tuple[Tools, TroubledRest]:
    rest = TroubledRest(tools.client.rest, errors, after_sending=after_sending)
    return replace(tools, client=replace(tools.client, rest=rest)), rest


def accounts(folder: Path, rows: int = ROWS) -> LoadSync:
    source = write_csv(folder / "accounts.csv", [{KEY: f"a{n}", "Name": f"Name {n}"} for n in range(rows)])
    return load_of("Account", source, (KEY, "Name"))


def inserts(folder: Path, rows: int) -> LoadSync:
    source = write_csv(folder / "names.csv", [{"Name": f"Name {n}"} for n in range(rows)])
    return load_of(
        "Account", source, ("Name",), operation=Operation.INSERT, key="Name", tolerance=Tolerance(share=1.0)
    )


def by_rest(sync: LoadSync) -> LoadRequest:
    return LoadRequest(sync=sync, forced_rail=Rail.REST)


def test_a_call_carries_up_to_a_thousand_rows_and_every_row_goes_once(tools: Tools, tmp_path: Path) -> None:
    watched, rest = troubled(tools, {})

    report = run_load(by_rest(accounts(tmp_path)), watched)

    assert rest.sizes == [1_000, 1_000, 300]
    assert report.counts.succeeded == ROWS
    assert tools.client.rest.count("SELECT COUNT() FROM Account") == ROWS


@pytest.mark.parametrize("after_sending", [False, True], ids=["not done", "done"])
def test_an_upsert_whose_answer_was_lost_is_sent_again_and_ends_the_same(
    tools: Tools, tmp_path: Path, after_sending: bool
) -> None:
    watched, rest = troubled(tools, {2: LOST}, after_sending=after_sending)

    report = run_load(by_rest(accounts(tmp_path)), watched)

    assert rest.sizes == [1_000, 1_000, 1_000, 300]
    assert report.verdict.state is VerdictState.COMPLETE
    assert tools.client.rest.count("SELECT COUNT() FROM Account") == ROWS


def test_an_upsert_whose_answers_stay_lost_is_unprocessed_and_told_so(tools: Tools, tmp_path: Path) -> None:
    lost = dict.fromkeys(range(1, REPEAT_ATTEMPTS + 1), LOST)
    watched, rest = troubled(tools, lost)

    report = run_load(by_rest(accounts(tmp_path, rows=5)), watched)

    assert rest.sizes == [5] * REPEAT_ATTEMPTS
    assert (report.counts.succeeded, report.counts.unprocessed) == (0, 5)
    assert report.counts.errors == {"OUTCOME_UNKNOWN": 5}
    assert report.verdict.state is VerdictState.ROWS_UNACCOUNTED


def test_an_insert_whose_answer_was_lost_is_asked_for_and_not_sent_again(
    tools: Tools, tmp_path: Path
) -> None:
    watched, rest = troubled(tools, {1: LOST}, after_sending=True)

    report = run_load(by_rest(inserts(tmp_path, 5)), watched)

    assert rest.sizes == [5]
    assert tools.client.rest.count("SELECT COUNT() FROM Account") == 5
    assert (report.counts.succeeded, report.counts.created) == (5, 5)
    assert report.verdict.state is VerdictState.COMPLETE


def test_an_insert_that_never_arrived_is_sent_again_after_the_org_was_asked(
    tools: Tools, tmp_path: Path
) -> None:
    watched, rest = troubled(tools, {1: LOST})

    report = run_load(by_rest(inserts(tmp_path, 5)), watched)

    assert rest.sizes == [5, 5]
    assert tools.client.rest.count("SELECT COUNT() FROM Account") == 5
    assert report.verdict.state is VerdictState.COMPLETE


def test_equal_rows_of_an_insert_are_told_apart_by_how_many_the_org_holds(
    tools: Tools, tmp_path: Path
) -> None:
    source = write_csv(tmp_path / "names.csv", [{"Name": "Same"}] * 6)
    sync = load_of("Account", source, ("Name",), operation=Operation.INSERT, key="Name")
    watched, rest = troubled(replace(tools, call_rows=2), {2: LOST}, after_sending=True)

    report = run_load(by_rest(sync), watched)

    assert rest.sizes == [2, 2, 2]
    assert tools.client.rest.count("SELECT COUNT() FROM Account") == 6
    assert report.counts.succeeded == 6


def test_an_insert_whose_answers_stay_lost_keeps_each_request_in_the_ledger(
    tools: Tools, tmp_path: Path
) -> None:
    watched, rest = troubled(tools, dict.fromkeys(range(1, REPEAT_ATTEMPTS + 1), LOST))

    report = run_load(by_rest(inserts(tmp_path, 5)), watched)

    assert rest.sizes == [5] * REPEAT_ATTEMPTS
    assert report.counts.unprocessed == 5
    records = failed_records(tools.engine, run_id=report.run_id)
    assert {record.state for record in records} == {"unprocessed"}
    assert {record.request_id for record in records} == {"r-lost"}
    assert all("ask by its key first" in record.message for record in records)


def test_no_tolerance_covers_rows_whose_outcome_is_unknown(tools: Tools, tmp_path: Path) -> None:
    watched, _ = troubled(tools, dict.fromkeys(range(1, REPEAT_ATTEMPTS + 1), LOST))

    report = run_load(by_rest(inserts(tmp_path, 5)), watched)

    assert report.verdict.state is VerdictState.ROWS_UNACCOUNTED
    assert report.verdict.text.endswith(
        "The answer to request r-lost was lost: the org may or may not hold its 5 rows."
    )


def test_a_refusal_in_mid_run_interrupts_it_and_the_next_process_sends_the_rest(
    tools: Tools, tmp_path: Path
) -> None:
    spent = RequestLimitError("TotalRequests Limit exceeded.")
    watched, _ = troubled(tools, {2: spent})

    with pytest.raises(RequestLimitError):
        run_load(by_rest(accounts(tmp_path)), watched)

    (run,) = recent_runs(tools.engine, sync="account_load", limit=5)
    assert (run.state, run.verdict_text, run.finished_at) == ("interrupted", str(spent), None)
    assert tools.client.rest.count("SELECT COUNT() FROM Account") == 1_000

    again, rest = troubled(tools, {})
    report = run_load(by_rest(accounts(tmp_path)), again)

    assert (report.run_id, report.attempts) == (run.run_id, 2)
    assert rest.sizes == [1_000, 300]
    assert report.counts == OutcomeCounts(submitted=ROWS, succeeded=ROWS, created=ROWS)
    assert list(tools.spool.rglob("*")) == []
