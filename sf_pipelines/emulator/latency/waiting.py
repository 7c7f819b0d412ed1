"""Waiting inside a coroutine, on the org's clock.

Belongs here: the asynchronous twin of `Clock.wait_for`. Not here: what is waited for. Imports the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from sf_pipelines.emulator.clock import Clock


async def wait_on_clock(clock: Clock, is_met: Callable[[], bool], until: datetime | None = None) -> bool:
    """Wait until `is_met()`, or until the org's time is `until`; False when the time came first.

    `is_met` is asked at every wake of the clock (`Clock.wake`), in the event loop.
    """
    loop, woken = asyncio.get_running_loop(), asyncio.Event()
    stop_listening = clock.listen(lambda: loop.call_soon_threadsafe(woken.set))
    try:
        while not is_met():
            left = clock.seconds_until(until)
            if left is not None and left <= 0:
                return False
            await _woken(woken, None if clock.is_frozen else left)
        return True
    finally:
        stop_listening()


async def _woken(event: asyncio.Event, timeout_seconds: float | None) -> None:
    try:
        await asyncio.wait_for(event.wait(), timeout_seconds)
    except TimeoutError:
        return
    event.clear()
