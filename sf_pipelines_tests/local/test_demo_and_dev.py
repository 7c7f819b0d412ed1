from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from sf_pipelines.local.crm_folder import ACCOUNTS_FILE, OPPORTUNITIES_FILE

PROGRAM = Path(sys.executable).with_name("sf-pipelines")
DEADLINE_SECONDS = 90

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

LAUNCH = """
mutation Launch($day: String!) {
  launchPipelineExecution(executionParams: {
    selector: {
      repositoryName: "__repository__", repositoryLocationName: "sf_pipelines", pipelineName: "__ASSET_JOB",
      assetSelection: [{path: ["salesforce", "account", "load"]}]
    }
    executionMetadata: {tags: [{key: "dagster/partition", value: $day}]}
  }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } } ... on PipelineNotFoundError { message }
    ... on InvalidSubsetError { message } }
}
"""
STATUS = "query Status($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"


class NotYetError(Exception):
    """The awaited thing has not come about."""


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


def test_dev_serves_the_ui_materializes_a_load_and_leaves_nothing_running(server_folder: Path) -> None:
    home = server_folder / "home"
    with _dev(home) as (url, family):
        day = _today(url)
        launched = _graphql(url, LAUNCH, day=day)["launchPipelineExecution"]
        assert "run" in launched, launched
        run_id = launched["run"]["runId"]
        assert _ended(url, run_id) == "SUCCESS"
        family += psutil.Process(family[0].pid).children(recursive=True)
        assert [process for process in family if process.cmdline()[-1:] == ["subscribe"]]
        assert "is read by this subscriber" in (home / "subscriber.log").read_text()
    assert [process for process in family if process.is_running()] == []


@contextmanager
def _dev(home: Path) -> Iterator[tuple[str, list[psutil.Process]]]:
    port = _free_port()
    log = home.with_name("dev.log").open("wb")
    with (
        log,
        subprocess.Popen(
            [PROGRAM, "dev", "--port", str(port)], env=_environment(home), stdout=log, stderr=log
        ) as process,
    ):
        family = [psutil.Process(process.pid)]
        try:
            yield f"http://127.0.0.1:{port}", family
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE_SECONDS)


def _today(url: str) -> str:
    """The newest partition, once the server answers."""
    query = (
        '{ assetNodeOrError(assetKey: {path: ["salesforce", "account", "load"]}) '
        "{ ... on AssetNode { partitionKeys } } }"
    )
    return _patiently(lambda: _graphql(url, query)["assetNodeOrError"]["partitionKeys"][-1])


def _ended(url: str, run_id: str) -> str:
    def status() -> str:
        found = _graphql(url, STATUS, run=run_id)["runOrError"]["status"]
        if found not in {"SUCCESS", "FAILURE", "CANCELED"}:
            raise NotYetError(found)
        return found

    return _patiently(status)


def _patiently(ask: Any) -> Any:
    patience = Retrying(
        retry=retry_if_exception_type((requests.RequestException, NotYetError, KeyError)),
        stop=stop_after_delay(DEADLINE_SECONDS),
        wait=wait_fixed(0.2),
        reraise=True,
    )
    return patience(ask)


def _graphql(url: str, query: str, **variables: str) -> dict[str, Any]:
    answer = requests.post(f"{url}/graphql", json={"query": query, "variables": variables}, timeout=30)
    answer.raise_for_status()
    return answer.json()["data"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SF_PIPELINES_")}
    return kept | {"SF_PIPELINES_HOME": str(home)}


def _write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
