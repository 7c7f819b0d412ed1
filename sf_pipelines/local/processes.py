"""Dagster's own commands as child processes of the sandbox."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from types import FrameType

import psutil

STOP_SECONDS = 20
TERMINAL_SECONDS = 2
"""How soon a child that the terminal has told to stop does so."""


def program(name: str, *arguments: str) -> list[str]:
    """A program of this very environment."""
    return [str(Path(sys.executable).with_name(name)), *arguments]


def dg_command(*arguments: str) -> list[str]:
    """The `dg` of this very environment."""
    return program("dg", *arguments)


def run_in_foreground(command: Sequence[str], *, environment: Mapping[str, str], folder: Path) -> int:
    """Run a command on this terminal until it ends, or until SIGINT or SIGTERM; what it started ends too."""
    # a shell that starts us in the background has us ignore SIGINT, and the child would inherit that
    previous = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGTERM: signal.signal(signal.SIGTERM, _raise_interrupt),
    }
    process = psutil.Popen(command, env=dict(environment), cwd=folder)
    family = [process]
    try:
        return process.wait()
    except KeyboardInterrupt:
        family += process.children(recursive=True)
        _interrupt(process)
        return 0
    finally:
        _end(family)
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def beside(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    tell: Callable[[str], None],
) -> Generator[None]:
    """Run a service with its output in a file, and end it by SIGTERM; that it ended by itself is told."""
    with log.open("ab") as output:
        process = psutil.Popen(command, env=dict(environment), cwd=folder, stdout=output, stderr=output)
    is_over = Event()

    def watch() -> None:
        code = process.wait()
        if not is_over.is_set():
            tell(f"'{' '.join(command[1:])}' ended with code {code}: {log} says why.")

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        with suppress(psutil.NoSuchProcess):
            process.terminate()
        _end([process])
        watcher.join(STOP_SECONDS)


@contextmanager
def stopped_by_signals() -> Generator[Event]:
    """An event that SIGINT and SIGTERM set."""
    stop = Event()
    previous = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _raise_interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _interrupt(process: psutil.Popen) -> None:
    """Tell a process to stop, unless the terminal's Ctrl-C has done so: twice cuts its own clean-up short."""
    try:
        process.wait(TERMINAL_SECONDS)
    except psutil.TimeoutExpired:
        process.send_signal(signal.SIGINT)


def _end(family: Sequence[psutil.Process]) -> None:
    """Wait for processes to end by themselves, then make them."""
    _, left = psutil.wait_procs(family, timeout=STOP_SECONDS)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left)
