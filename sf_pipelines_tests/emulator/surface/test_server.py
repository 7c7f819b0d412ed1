from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from sf_pipelines.emulator.bulk.jobs import Job
from sf_pipelines.emulator.server import EmulatorError, EmulatorServer
from sf_pipelines_tests.emulator.surface.support import Caller

FOREGROUND = """
from sf_pipelines.emulator.server import EmulatorServer, run_foreground
run_foreground(EmulatorServer({}), as_json=True)
"""


def caller_of(server: EmulatorServer) -> Caller:
    return Caller(server.credentials.url, server.credentials.access_token, server.surface)


def test_a_port_in_use_is_one_sentence() -> None:
    with EmulatorServer() as first:
        port = int(first.credentials.url.rpartition(":")[2])
        with pytest.raises(EmulatorError, match=f"Port {port} can't be used"):
            EmulatorServer(port).start()


@pytest.mark.parametrize("content", [None, "Account: [", "Account: {fields: {X__c: {type: nonsense}}}"])
def test_an_unusable_schema_file_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "schema.yaml"
    if content is not None:
        path.write_text(content)

    with pytest.raises(EmulatorError, match=r"schema\.yaml"):
        EmulatorServer(schema_path=path).start()


def test_credentials_before_the_start_are_refused() -> None:
    with pytest.raises(EmulatorError, match="isn't running"):
        _ = EmulatorServer().credentials


def test_secrets_are_not_in_the_repr() -> None:
    with EmulatorServer() as server:
        given = server.credentials

    for secret in (given.client_secret, given.password, given.security_token, given.access_token):
        assert secret not in repr(given)


def test_an_org_in_a_file_keeps_rows_jobs_and_credentials_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "org.sqlite"
    with EmulatorServer(org_path=path) as server:
        before = server.credentials
        caller = caller_of(server)
        job = caller.run_ingest("Name\na\n\nb\n")
        query = caller.run_query("SELECT Name FROM Account ORDER BY Name")
        waiting = caller.new_ingest()

    with EmulatorServer(org_path=path) as server:
        caller = caller_of(server)
        assert server.credentials.client_secret == before.client_secret
        assert caller.query("SELECT COUNT() FROM Account")["totalSize"] == 2
        assert caller.results(job["id"], "successfulResults").count('"true"') == 2
        assert caller.get(f"/jobs/query/{query['id']}/results").text == '"Name"\n"a"\n"b"\n'
        assert caller.put_csv(waiting["id"], "Name\nc\n").status_code == 201
        assert caller.new_ingest()["id"] not in {job["id"], query["id"], waiting["id"]}


def test_a_job_that_was_left_in_the_queue_runs_after_the_restart(tmp_path: Path) -> None:
    path = tmp_path / "org.sqlite"
    with EmulatorServer(org_path=path) as server:
        caller = caller_of(server)
        job_id = caller.new_ingest()["id"]
        caller.put_csv(job_id, "Name\na\n")
        server.surface.jobs.change(job_id, state="UploadComplete")

    with EmulatorServer(org_path=path) as server:
        done: Job = caller_of(server).wait(job_id)

    assert (done.state, done.records_processed) == ("JobComplete", 1)


def test_stopping_twice_is_harmless() -> None:
    server = EmulatorServer()
    server.start()
    server.stop()
    server.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_foreground_prints_one_json_line_and_stops_on_a_signal(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", FOREGROUND.format("")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    line = json.loads(process.stdout.readline())
    answer = requests.get(
        line["url"] + "/services/data/v66.0/limits",
        headers={"Authorization": f"Bearer {line['access_token']}"},
        timeout=10,
    )
    os.kill(process.pid, number)
    rest, errors = process.communicate(timeout=20)

    assert set(line) == {
        "url",
        "client_id",
        "client_secret",
        "username",
        "password",
        "security_token",
        "access_token",
    }
    assert answer.status_code == 200
    assert (process.returncode, rest, errors) == (0, b"", b"")
