"""Forked deciders on one database: each asks for calls until it is refused, uses some, and asks again.

Run as a program, so that no connection of the tests is forked along. Prints what each was granted and
has used or still holds, one line a process.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine

from sf_pipelines.ledger.engine import open_engine
from sf_pipelines.ledger.quota import QuotaBook
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.model.decision import RailCost
from sf_pipelines.model.headroom import DAILY_API_REQUESTS
from sf_pipelines.model.rail import Direction, Rail
from sf_pipelines.policy.budgets import draws
from sf_pipelines_tests.ledger.samples import NOON, start_load

CALLS = DAILY_API_REQUESTS
RESERVE_SHARE = 0.1


def main(database_url: str, workers: int) -> None:
    """Start them together, and wait for all."""
    barrier_read, barrier_write = os.pipe()
    pids = [_fork(lambda seed=seed: _work(database_url, seed, barrier_read)) for seed in range(workers)]
    os.write(barrier_write, b"x" * workers)
    failed = [pid for pid in pids if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0]
    sys.exit(f"{len(failed)} workers failed" if failed else 0)


def _fork(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            if code:
                sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
            os._exit(code)
    return pid


def _work(database_url: str, seed: int, barrier: int) -> None:
    engine = open_engine(database_url)
    random_ = random.Random(seed)
    os.read(barrier, 1)
    used = 0
    while (amount := random_.randint(1, 37)) and (run_id := _ask(engine, amount)) is not None:
        really = random_.randint(0, amount)
        QuotaBook(engine, clock=lambda: NOON + timedelta(seconds=1)).settle(run_id, {CALLS: really})
        used += really
    held = _hold_what_is_left(engine)
    engine.dispose()
    os.write(1, f"{used + held}\n".encode())


def _ask(engine: Engine, calls: int) -> UUID | None:
    run_id = start_load(Ledger(engine))
    cost = RailCost(rail=Rail.REST, api_calls=calls, jobs=0, batches=0, bytes_raw=0, seconds=1.0)
    with QuotaBook(engine, clock=lambda: NOON + timedelta(seconds=1)).desk() as desk:
        headroom = desk.headroom([CALLS])
        if not all(draw.fits for draw in draws(cost, Direction.LOAD, headroom, RESERVE_SHARE)):
            return None
        desk.reserve(run_id, {CALLS: calls}, lease_seconds=900.0)
    return run_id


def _hold_what_is_left(engine: Engine) -> int:
    """Single calls that stay promised, as by a run under way."""
    held = 0
    while _ask(engine, 1) is not None:
        held += 1
    return held


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
