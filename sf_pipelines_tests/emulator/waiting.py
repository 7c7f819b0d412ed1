"""Threads of tests: started, waited for without sleeping, their errors told."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from sf_pipelines.emulator.clock import Clock

T = TypeVar("T")


def in_thread(work: Callable[[], T]) -> Future[T]:
    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future


def wait_until(clock: Clock, is_met: Callable[[], bool]) -> None:
    """Until the emulator's state is so; every change of it wakes the clock."""
    with clock.changed:
        assert clock.changed.wait_for(is_met, 30)
