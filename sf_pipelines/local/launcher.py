"""Dagster runs of the sandbox, one after the other, by one child process that loads the definitions once.

`dg launch` loads them for every run, which takes longer than the run itself. The child is this very module:
a request is one line of JSON on its standard input, its answer one line on its standard output.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import orjson

STOP_SECONDS = 30


class LauncherError(Exception):
    """Dagster could not be asked for a run; one sentence with the place of its log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchOrder:
    """One run: a job, or of all assets those named.

    Attributes:
        job: name of a job; None for assets alone.
        assets: keys as `a/b/c`, the part of the job that is run; empty for all of it.
    """

    job: str | None = None
    assets: Sequence[str] = ()
    partition: str | None = None


class Launcher:
    """The child process; used as a context manager, it ends with its block.

    It starts loading at once, so that its owner has time for something else before the first run.
    """

    def __init__(self, *, environment: Mapping[str, str], folder: Path, log: Path) -> None:
        self._log = log
        with log.open("ab") as errors:
            self._child = subprocess.Popen(
                [sys.executable, "-m", __name__],
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def run(self, order: LaunchOrder) -> bool:
        """Run and wait; whether the run ended green. A red run is a result, the ledger tells which.

        Raises:
            LauncherError: the process ended, since the definitions do not load or Dagster's storage is away.
        """
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            self._child.stdin.write(orjson.dumps(asdict(order)) + b"\n")
            self._child.stdin.flush()
            answer = self._child.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer:
            raise LauncherError(f"Dagster did not come up, or ended in the midst of a run: read {self._log}.")
        return orjson.loads(answer)["is_green"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        if kind is not None:
            self._child.terminate()
        self._child.stdin.close()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdout.close()


def _serve(orders: IO[bytes], answers: IO[bytes]) -> None:
    """The child: load, then run what is asked for until there are no more orders."""
    run = _runner()
    for line in orders:
        is_green = run(LaunchOrder(**orjson.loads(line)))
        answers.write(orjson.dumps({"is_green": is_green}) + b"\n")
        answers.flush()


def _runner() -> Callable[[LaunchOrder], bool]:
    import dagster as dg

    # what the code location is made of; its entry lies above this room
    definitions = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    instance = dg.DagsterInstance.get()

    def run(order: LaunchOrder) -> bool:
        job = (
            definitions.resolve_job_def(order.job)
            if order.job
            else definitions.resolve_implicit_global_asset_job_def()
        )
        result = job.execute_in_process(
            instance=instance,
            partition_key=order.partition,
            asset_selection=[dg.AssetKey.from_user_string(key) for key in order.assets] or None,
            raise_on_error=False,
        )
        return result.success

    return run


if __name__ == "__main__":
    # what libraries print must not stand between two answers
    answers_out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _serve(sys.stdin.buffer, answers_out)
