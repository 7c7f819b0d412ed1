from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.model.sync import ExtractSync
from sf_pipelines.workflows.agreement import Agreement, compare
from sf_pipelines.workflows.errors import WorkflowError
from sf_pipelines.workflows.extract import ExtractRequest, run_extract
from sf_pipelines.workflows.load import LoadRequest, run_load
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.orgs import DAY, KEY, load_of, write_csv


def load(tools: Tools, folder: Path, *keys: str) -> None:
    source = write_csv(folder / "accounts.csv", [{KEY: key, "Name": key} for key in keys])
    run_load(LoadRequest(sync=load_of("Account", source, (KEY, "Name"))), tools)


@pytest.fixture
def extracted(tools: Tools, tmp_path: Path, clock: Clock) -> Tools:
    """Three accounts on both sides."""
    load(tools, tmp_path, "a", "b", "c")
    sync = ExtractSync(name="account_extract", sobject="Account", fields=(KEY,))
    clock.advance(60)
    run_extract(ExtractRequest(sync=sync, window=DAY), tools)
    return tools


def change_warehouse(tools: Tools, statement: str) -> None:
    with tools.engine.begin() as connection:
        connection.execute(text(statement))


def agreement(**differences: int) -> Agreement:
    same = {"org_rows": 3, "warehouse_rows": 3, "missing": 0, "extra": 0, "stale": 0}
    return Agreement(sobject="Account", **(same | differences))


def test_what_was_extracted_agrees(extracted: Tools) -> None:
    found = compare("Account", extracted)

    assert found == agreement()
    assert found.agrees


def test_a_row_that_only_the_org_has_is_missing(extracted: Tools, tmp_path: Path) -> None:
    load(extracted, tmp_path, "d")

    found = compare("Account", extracted)

    assert found == agreement(org_rows=4, missing=1)
    assert not found.agrees


def test_a_row_that_only_the_warehouse_has_is_extra(extracted: Tools) -> None:
    change_warehouse(
        extracted,
        'INSERT INTO raw.account SELECT (jsonb_populate_record(a, \'{"Id": "001-other"}\')).* '
        "FROM raw.account a LIMIT 1",
    )

    assert compare("Account", extracted) == agreement(warehouse_rows=4, extra=1)


def test_a_row_of_another_time_is_stale(extracted: Tools, tmp_path: Path) -> None:
    change_warehouse(
        extracted,
        'UPDATE raw.account SET "SystemModstamp" = "SystemModstamp" - interval \'1 ms\' '
        "WHERE \"External_Id__c\" = 'a'",
    )

    assert compare("Account", extracted) == agreement(stale=1)


def test_rows_swapped_between_the_sides_do_not_cancel_out(extracted: Tools) -> None:
    change_warehouse(extracted, "UPDATE raw.account SET \"Id\" = 'other' WHERE \"External_Id__c\" = 'a'")

    assert compare("Account", extracted) == agreement(missing=1, extra=1)


def test_an_object_that_was_never_extracted_is_told_with_the_mend(tools: Tools) -> None:
    with pytest.raises(WorkflowError, match=r"raw\.account does not exist: extract Account first"):
        compare("Account", tools)
