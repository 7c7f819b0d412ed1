from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sf_pipelines.model.outcome import VerdictState
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.model.sync import LoadSync
from sf_pipelines.workflows.errors import SyncError
from sf_pipelines.workflows.load import LoadReport, LoadRequest, run_load
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.orgs import KEY, load_of, write_csv

Rows = dict[str, str]


def sync_of(folder: Path, rows: Rows) -> LoadSync:
    source = write_csv(
        folder / "accounts.csv",
        [{KEY: key, "Name": f"Name {key}", "AnnualRevenue": value} for key, value in rows.items()],
    )
    return replace(load_of("Account", source, (KEY, "Name", "AnnualRevenue")), only_changed=True)


@pytest.mark.parametrize("rail", [Rail.REST, Rail.BULK])
def test_only_rows_that_differ_from_what_the_org_accepted_are_sent(
    tools: Tools, tmp_path: Path, rail: Rail
) -> None:
    def load(rows: Rows) -> LoadReport:
        return run_load(LoadRequest(sync=sync_of(tmp_path, rows), forced_rail=rail), tools)

    first = load({"a": "1", "b": "2", "c": "3"})
    same = load({"a": "1.0", "b": "2e0", "c": "3"})
    changed = load({"a": "1", "b": "5", "c": "3", "d": "4"})

    assert (first.counts.submitted, first.counts.unchanged) == (3, 0)
    assert (same.counts.submitted, same.counts.unchanged) == (0, 3)
    assert same.verdict.state is VerdictState.COMPLETE
    assert "3 more were left out" in same.verdict.text
    assert (changed.counts.submitted, changed.counts.unchanged) == (2, 2)
    assert tools.client.rest.count("SELECT COUNT() FROM Account WHERE AnnualRevenue = 5") == 1


@pytest.mark.parametrize("rail", [Rail.REST, Rail.BULK])
def test_a_row_that_the_org_refused_is_sent_again_until_it_is_accepted(
    tools: Tools, tmp_path: Path, rail: Rail
) -> None:
    request = LoadRequest(sync=sync_of(tmp_path, {"a": "1", "b": "not a number"}), forced_rail=rail)

    first, second = run_load(request, tools), run_load(request, tools)

    assert (first.counts.succeeded, first.counts.failed) == (1, 1)
    assert (second.counts.submitted, second.counts.unchanged, second.counts.failed) == (1, 1, 1)


def test_a_key_that_comes_twice_is_never_taken_for_unchanged(tools: Tools, tmp_path: Path) -> None:
    source = write_csv(tmp_path / "a.csv", [{KEY: "a", "Name": "One"}, {KEY: "a", "Name": "Two"}])
    sync = replace(load_of("Account", source, (KEY, "Name")), only_changed=True)
    request = LoadRequest(sync=sync, forced_rail=Rail.BULK)
    run_load(request, tools)

    assert run_load(request, tools).counts.unchanged == 0


def test_an_insert_cannot_be_only_of_what_changed(tools: Tools, tmp_path: Path) -> None:
    source = write_csv(tmp_path / "a.csv", [{"Name": "One"}])
    sync = load_of("Account", source, ("Name",), operation=Operation.INSERT, key="Name")

    with pytest.raises(SyncError, match="only_changed is for upsert and update"):
        run_load(LoadRequest(sync=replace(sync, only_changed=True)), tools)
