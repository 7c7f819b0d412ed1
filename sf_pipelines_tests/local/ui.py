"""`sf-pipelines dev` as a person meets it: its server, its browser page, its GraphQL, its processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

PROGRAM = Path(sys.executable).with_name("sf-pipelines")
DEADLINE_SECONDS = 90


LAUNCH = """
mutation Launch($day: String!, $object: String!) {
  launchPipelineExecution(executionParams: {
    selector: {
      repositoryName: "__repository__", repositoryLocationName: "sf_pipelines", pipelineName: "__ASSET_JOB",
      assetSelection: [{path: ["salesforce", $object, "load"]}]
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


@dataclass(frozen=True, kw_only=True, slots=True)
class DevServer:
    """A running `sf-pipelines dev`."""

    url: str
    process: psutil.Process

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer of the webserver."""
        body = {"query": query, "variables": variables}
        answer = requests.post(f"{self.url}/graphql", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()["data"]

    def launched(self, sobject: str, day: str, *, seconds: float = DEADLINE_SECONDS) -> str:
        """The run that loads an object for a day, once the server has loaded the definitions."""

        def launch() -> str:
            answer = self.graphql(LAUNCH, day=day, object=sobject)["launchPipelineExecution"]
            if "run" not in answer:
                raise NotYetError(answer)
            return answer["run"]["runId"]

        return patiently(launch, seconds=seconds)

    def ended(self, run_id: str, *, seconds: float = DEADLINE_SECONDS) -> str:
        """The last state of a run."""

        def status() -> str:
            found = self.graphql(STATUS, run=run_id)["runOrError"]["status"]
            if found not in {"SUCCESS", "FAILURE", "CANCELED"}:
                raise NotYetError(found)
            return found

        return patiently(status, seconds=seconds)

    def run_workers(self) -> list[psutil.Process]:
        """Processes that work on a run: those that the code server has spawned."""
        return [
            process
            for process in self.process.children(recursive=True)
            if "--multiprocessing-fork" in process.cmdline()
        ]


@contextmanager
def dev_server(home: Path, settings: Mapping[str, str] | None = None) -> Generator[DevServer]:
    """Serve the UI on the embedded parts, but for those that the settings name."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SF_PIPELINES_")}
    environment = kept | {"SF_PIPELINES_HOME": str(home)} | dict(settings or {})
    with (
        home.with_name("dev.log").open("wb") as log,
        subprocess.Popen(
            [PROGRAM, "dev", "--port", str(port)], env=environment, stdout=log, stderr=log
        ) as process,
    ):
        server = DevServer(url=f"http://127.0.0.1:{port}", process=psutil.Process(process.pid))
        try:
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE_SECONDS)


def patiently(ask: Callable[[], Any], *, seconds: float = DEADLINE_SECONDS) -> Any:
    """What `ask` gives, once it does so without an error of waiting."""
    patience = Retrying(
        retry=retry_if_exception_type((requests.RequestException, NotYetError, KeyError)),
        stop=stop_after_delay(seconds),
        wait=wait_fixed(0.2),
        reraise=True,
    )
    return patience(ask)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
