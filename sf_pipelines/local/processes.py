"""Dagster's own commands as child processes of the sandbox."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 20


def dg_command(*arguments: str) -> list[str]:
    """The `dg` of this very environment."""
    return [str(Path(sys.executable).with_name("dg")), *arguments]


def run_to_end(command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path) -> int:
    """Run a command with its output in a file; the exit code."""
    with log.open("ab") as output:
        finished = subprocess.run(
            command, env=dict(environment), cwd=folder, stdout=output, stderr=output, check=False
        )
    return finished.returncode


def run_in_foreground(command: Sequence[str], *, environment: Mapping[str, str], folder: Path) -> int:
    """Run a command on this terminal until it ends or Ctrl-C; what it started ends with it."""
    process = subprocess.Popen(command, env=dict(environment), cwd=folder)
    previous = signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGINT))
    try:
        return process.wait()
    except KeyboardInterrupt:
        # the terminal has sent the same signal to the child: give it time to stop its own children
        return _wait_or_kill(process)
    finally:
        signal.signal(signal.SIGTERM, previous)


def _wait_or_kill(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
