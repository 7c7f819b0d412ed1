"""Runs that send nothing: deferred, refused, or ended by an error before anything was sent."""

from __future__ import annotations

import pickle
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.lake.errors import SourceError
from sf_pipelines.ledger.queries import recent_runs
from sf_pipelines.model.decision import Action
from sf_pipelines.model.headroom import DAILY_API_REQUESTS
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.model.sync import ExtractSync, LoadSync, Source, SourceKind
from sf_pipelines.rails.errors import ObjectNotFoundError
from sf_pipelines.workflows.errors import BudgetSpentError, NotRunError, SyncError
from sf_pipelines.workflows.extract import ExtractRequest, run_extract
from sf_pipelines.workflows.load import LoadRequest, run_load
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.orgs import DAY, KEY, load_of, write_csv


@pytest.fixture
def accounts(tmp_path: Path) -> LoadSync:
    source = write_csv(tmp_path / "accounts.csv", [{KEY: "a1", "Name": "One"}])
    return load_of("Account", source, (KEY, "Name"))


def extract_of(sobject: str, *fields: str) -> ExtractRequest:
    sync = ExtractSync(name=f"{sobject.lower()}_extract", sobject=sobject, fields=fields)
    return ExtractRequest(sync=sync, window=DAY)


def spend_all_but_the_reserve(emulator: EmulatorServer) -> None:
    emulator.surface.limits.put(DAILY_API_REQUESTS, used=95_000)


def test_a_load_is_deferred_when_only_the_reserve_is_left(
    emulator: EmulatorServer, tools: Tools, accounts: LoadSync
) -> None:
    spend_all_but_the_reserve(emulator)

    with pytest.raises(NotRunError) as caught:
        run_load(LoadRequest(sync=accounts), tools)

    decision = caught.value.decision
    assert decision.action is Action.DEFER
    # one reading makes a flat forecast, so it is looked at again when the longest wait is over
    assert decision.defer_until == decision.decided_at + timedelta(hours=6)
    assert str(caught.value).startswith(
        "account_load was not sent (defer): REST needs 1 of DailyApiRequests, and after the reserve 0 are "
        "left for normal work."
    )
    assert str(caught.value).endswith(f"Ask again at {decision.defer_until:%Y-%m-%d %H:%M}Z.")
    assert tools.client.rest.count("SELECT COUNT() FROM Account") == 0


def test_the_ledger_keeps_the_decision_of_a_deferred_load(
    emulator: EmulatorServer, tools: Tools, accounts: LoadSync
) -> None:
    spend_all_but_the_reserve(emulator)

    with pytest.raises(NotRunError) as caught:
        run_load(LoadRequest(sync=accounts), tools)

    (run,) = recent_runs(tools.engine, sync="account_load", limit=5)
    assert (run.state, run.verdict_text) == ("error", str(caught.value))
    assert (run.rail, run.submitted) == (None, 0)
    with tools.engine.connect() as connection:
        stored = connection.execute(text("SELECT action, defer_until FROM ledger.decision")).one()
    assert tuple(stored) == ("defer", caught.value.decision.defer_until)


def test_an_extract_is_deferred_when_only_the_reserve_is_left(emulator: EmulatorServer, tools: Tools) -> None:
    spend_all_but_the_reserve(emulator)

    with pytest.raises(NotRunError, match=r"account_extract was not sent \(defer\)"):
        run_extract(extract_of("Account"), tools)

    assert not Path(tools.lake).exists()


def test_an_extract_of_a_compound_field_refuses_a_forced_bulk(tools: Tools) -> None:
    asked = extract_of("Account", "BillingAddress")
    request = ExtractRequest(sync=asked.sync, window=DAY, forced_rail=Rail.BULK)

    with pytest.raises(NotRunError, match=r"\(refuse\): A Bulk query cannot select BillingAddress"):
        run_extract(request, tools)


def test_a_run_that_was_not_sent_is_pickled_with_its_decision(
    emulator: EmulatorServer, tools: Tools, accounts: LoadSync
) -> None:
    spend_all_but_the_reserve(emulator)
    with pytest.raises(NotRunError) as caught:
        run_load(LoadRequest(sync=accounts), tools)

    copy = pickle.loads(pickle.dumps(caught.value))

    assert str(copy) == str(caught.value)
    assert copy.decision == caught.value.decision


def test_a_deferred_load_leaves_no_payload_behind(
    emulator: EmulatorServer, tools: Tools, accounts: LoadSync
) -> None:
    spend_all_but_the_reserve(emulator)

    with pytest.raises(NotRunError):
        run_load(LoadRequest(sync=accounts), tools)

    assert _left_in(tools.spool) == []


def test_a_source_that_breaks_in_the_middle_sends_nothing_and_leaves_no_payload_behind(
    tools: Tools, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_bytes(b"External_Id__c,Name\na1,One\na2,\xff\xfe\n")
    sync = load_of("Account", Source(kind=SourceKind.CSV, location=str(broken)), (KEY, "Name"))

    with pytest.raises(SourceError, match=r"broken\.csv"):
        run_load(LoadRequest(sync=sync), tools)

    (run,) = recent_runs(tools.engine, sync="account_load", limit=5)
    assert run.state == "error"
    assert "broken.csv" in run.verdict_text
    assert _left_in(tools.spool) == []
    assert tools.client.rest.count("SELECT COUNT() FROM Account") == 0


def test_a_load_of_an_unknown_field_ends_before_its_source_is_read(tools: Tools) -> None:
    nowhere = Source(kind=SourceKind.CSV, location="nowhere.csv")

    with pytest.raises(SyncError, match=r"names the field Nme, .*did you mean Name"):
        run_load(LoadRequest(sync=load_of("Account", nowhere, (KEY, "Nme"))), tools)

    (run,) = recent_runs(tools.engine, sync="account_load", limit=5)
    assert (run.state, run.rail) == ("error", None)


def test_a_load_of_an_unknown_object_names_it(tools: Tools) -> None:
    nowhere = Source(kind=SourceKind.CSV, location="nowhere.csv")
    sync = load_of("Acount", nowhere, ("Name",), operation=Operation.INSERT, key="Name")

    with pytest.raises(ObjectNotFoundError, match="no object 'Acount'"):
        run_load(LoadRequest(sync=sync), tools)


def test_an_extract_of_an_unknown_field_names_it_and_suggests(tools: Tools) -> None:
    with pytest.raises(SyncError, match=r"names the field Industri, .*did you mean Industry"):
        run_extract(extract_of("Account", "Industri"), tools)

    (run,) = recent_runs(tools.engine, sync="account_extract", limit=5)
    assert run.state == "error"


def _left_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_a_bulk_load_beyond_the_rows_of_a_day_sends_nothing(
    tools: Tools, accounts: LoadSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_load(LoadRequest(sync=accounts, forced_rail=Rail.BULK), tools)
    monkeypatch.setattr("sf_pipelines.workflows.load.BULK_RECORDS_PER_DAY", 1)

    with pytest.raises(BudgetSpentError, match="would send 1 rows by Bulk; 1 of the 1 that an org takes"):
        run_load(LoadRequest(sync=accounts, forced_rail=Rail.BULK), tools)

    assert recent_runs(tools.engine, sync="account_load", limit=1)[0].state == "error"
