from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import psutil

from sf_pipelines.local.crm_folder import ACCOUNTS_FILE, OPPORTUNITIES_FILE
from sf_pipelines_tests.local.ui import (
    DEADLINE_SECONDS,
    PROGRAM,
    DevServer,
    dev_server,
    patiently,
)

ACCOUNTS = [
    ["account", "sector", "year_established", "revenue", "employees", "office_location", "subsidiary_of"],
    ["Acme", "technolgy", "1996", "1100.04", "2822", "Kenya", ""],
    ["Betatech", "medical", "1986", "647.18", "1185", "Norway", "Acme"],
]
OPPORTUNITIES = [
    [
        "opportunity_id", "sales_agent", "product", "account", "deal_stage", "engage_date", "close_date",
        "close_value",
    ],
    ["O1", "Ann", "GTXPro", "Acme", "Won", "2016-10-20", "2017-03-01", "1054"],
    ["O2", "Ann", "GTX Pro", "", "Lost", "2016-10-20", "2017-03-01", "0"],
    ["O3", "Bob", "MG Special", "Betatech", "Engaging", "2016-10-20", "", ""],
    ["O4", "Bob", "MG Special", "Nobody", "Won", "2016-10-20", "2017-03-01", "55"],
]  # fmt: skip


def test_every_row_of_a_folder_is_accounted_for_and_what_the_org_refuses_is_told_by_code(
    server_folder: Path,
) -> None:
    source = server_folder / "crm"
    source.mkdir()
    _write(source / ACCOUNTS_FILE, ACCOUNTS)
    _write(source / OPPORTUNITIES_FILE, OPPORTUNITIES)

    finished = subprocess.run(
        [PROGRAM, "demo", "--source", source, "--json"],
        env=_environment(server_folder / "home"),
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )

    assert finished.returncode == 0, finished.stderr
    report = json.loads(finished.stdout)
    accounts, opportunities = report["loads"]
    assert (accounts["sync"], accounts["submitted"], accounts["succeeded"]) == ("account_load", 2, 2)
    assert (opportunities["submitted"], opportunities["succeeded"], opportunities["failed"]) == (4, 2, 2)
    assert opportunities["errors"] == {"REQUIRED_FIELD_MISSING": 1, "INVALID_FIELD": 1}
    assert opportunities["state"] == "rejects_beyond_tolerance"
    assert [extract["written"] for extract in report["extracts"]] == [2, 2]
    assert all(agreement["agrees"] for agreement in report["agreement"])
    assert report["every_row_accounted_for"] is True
    assert {stage["stage"]: stage["opportunities"] for stage in report["pipeline_by_stage"]} == {
        "Closed Won": 1,
        "Closed Lost": 1,
    }
    first, second = report["usage"]
    assert (first["unchanged"], first["submitted"], first["succeeded"]) == (0, 2, 2)
    assert second["unchanged"] + second["submitted"] == 2
    assert (second["state"], second["rail"]) == ("complete", "rest")


def test_dev_serves_the_ui_materializes_a_load_and_leaves_nothing_running(server_folder: Path) -> None:
    home = server_folder / "home"
    with dev_server(home) as dev:
        day = _today(dev)
        run_id = dev.launched("account", day)
        assert dev.ended(run_id) == "SUCCESS"
        family = [dev.process, *dev.process.children(recursive=True)]
        assert _listening_at(family) <= {"127.0.0.1", "::1"}
        assert [process for process in family if process.cmdline()[-1:] == ["subscribe"]]
        assert "is read by this subscriber" in (home / "subscriber.log").read_text()
    assert [process for process in family if process.is_running()] == []


def _listening_at(family: Iterable[psutil.Process]) -> set[str]:
    """Addresses at which any of these processes can be reached."""
    sockets = (item for process in family for item in process.net_connections("tcp"))
    listening = (item.laddr.ip for item in sockets if item.status == psutil.CONN_LISTEN)
    addresses = {address.removeprefix("::ffff:") for address in listening}
    assert addresses, "the UI listens"
    return addresses


def _today(dev: DevServer) -> str:
    """The newest partition, once the server answers."""
    query = (
        '{ assetNodeOrError(assetKey: {path: ["salesforce", "account", "load"]}) '
        "{ ... on AssetNode { partitionKeys } } }"
    )
    return patiently(lambda: dev.graphql(query)["assetNodeOrError"]["partitionKeys"][-1])


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SF_PIPELINES_")}
    return kept | {"SF_PIPELINES_HOME": str(home)}


def _write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
