"""Deleted rows reach the warehouse: from the recycle bin by each extract, for good by the audit of Ids."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.lake.errors import WarehouseError
from sf_pipelines.model.rail import Rail
from sf_pipelines.model.sync import ExtractSync
from sf_pipelines.workflows.agreement import compare
from sf_pipelines.workflows.errors import ReadError
from sf_pipelines.workflows.extract import ExtractReport, ExtractRequest, run_extract
from sf_pipelines.workflows.id_audit import run_id_audit
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.orgs import DAY

SYNC = ExtractSync(name="account_extract", sobject="Account", fields=("Name",))
RAILS = pytest.mark.parametrize("rail", [Rail.REST, Rail.BULK])


def extract(tools: Tools, clock: Clock, rail: Rail = Rail.REST) -> ExtractReport:
    clock.advance(60)
    return run_extract(ExtractRequest(sync=SYNC, window=DAY, forced_rail=rail), tools)


def deleted_in_warehouse(tools: Tools) -> dict[str, bool]:
    with tools.engine.connect() as connection:
        rows = connection.execute(text('SELECT "Name", "IsDeleted" FROM raw.account'))
        return {row[0]: row[1] for row in rows}


@pytest.fixture
def ids(emulator: EmulatorServer) -> dict[str, str]:
    """Three accounts, name to Id."""
    org = emulator.surface.org
    names = ("kept", "binned", "gone")
    results = org.create("Account", [{"Name": name} for name in names], user_id=org.user_id)
    return {name: str(result.id) for name, result in zip(names, results, strict=True)}


def delete(emulator: EmulatorServer, *ids: str, for_good: bool = False) -> None:
    org = emulator.surface.org
    results = org.delete("Account", list(ids), hard=for_good)
    assert all(result.success for result in results)


@RAILS
def test_a_row_in_the_recycle_bin_is_marked_and_one_that_comes_back_is_not(
    tools: Tools, emulator: EmulatorServer, clock: Clock, ids: dict[str, str], rail: Rail
) -> None:
    extract(tools, clock, rail)
    clock.advance(60)
    delete(emulator, ids["binned"])
    extract(tools, clock, rail)
    assert deleted_in_warehouse(tools) == {"kept": False, "binned": True, "gone": False}
    assert compare("Account", tools).agrees

    clock.advance(60)
    assert all(result.success for result in emulator.surface.org.undelete("Account", [ids["binned"]]))
    extract(tools, clock, rail)
    assert deleted_in_warehouse(tools) == {"kept": False, "binned": False, "gone": False}


def test_a_row_that_was_deleted_for_good_is_found_by_its_absence_and_marked_once(
    tools: Tools, emulator: EmulatorServer, clock: Clock, ids: dict[str, str]
) -> None:
    extract(tools, clock)
    delete(emulator, ids["gone"], for_good=True)
    clock.advance(60)

    first, second = run_id_audit("Account", tools), run_id_audit("Account", tools)

    assert (first.org_rows, first.warehouse_rows, first.gone, first.gone_before) == (2, 2, 1, 0)
    assert (second.gone, second.gone_before) == (0, 1)
    assert first.agrees
    assert second.agrees
    assert deleted_in_warehouse(tools) == {"kept": False, "binned": False, "gone": True}


def test_the_audit_finds_rows_that_are_missing_or_old(
    tools: Tools, emulator: EmulatorServer, clock: Clock, ids: dict[str, str]
) -> None:
    extract(tools, clock)
    clock.advance(60)
    org = emulator.surface.org
    assert org.update("Account", [{"Id": ids["kept"], "Name": "renamed"}])[0].success
    assert org.create("Account", [{"Name": "new"}], user_id=org.user_id)[0].success
    clock.advance(60)

    audit = run_id_audit("Account", tools)

    assert (audit.missing, audit.stale, audit.gone) == (1, 1, 0)
    assert not audit.agrees


def test_rows_that_came_into_the_table_after_the_org_was_asked_are_not_marked(
    tools: Tools, emulator: EmulatorServer, clock: Clock, ids: dict[str, str]
) -> None:
    extract(tools, clock)
    with tools.engine.begin() as connection:
        connection.execute(
            text(
                'INSERT INTO raw.account ("Id", "Name", "SystemModstamp", "IsDeleted", _extracted_at) '
                "VALUES ('001zz0000000001AAA', 'later', :later, false, now())"
            ),
            {"later": DAY.end + timedelta(days=3)},
        )

    assert run_id_audit("Account", tools).gone == 0


def test_ids_that_do_not_all_arrive_mark_nothing(
    tools: Tools, emulator: EmulatorServer, clock: Clock, ids: dict[str, str]
) -> None:
    extract(tools, clock)
    emulator.surface.faults.add({"kind": "wrong_counters", "processed": 1, "path": "*/jobs/query/*"})

    with pytest.raises(ReadError, match=r"processed 4 Ids and 3 arrived"):
        run_id_audit("Account", tools)

    assert not any(deleted_in_warehouse(tools).values())


def test_an_object_that_was_never_extracted_cannot_be_audited(tools: Tools, ids: dict[str, Any]) -> None:
    with pytest.raises(WarehouseError, match=r"raw\.account could not be compared"):
        run_id_audit("Account", tools)
