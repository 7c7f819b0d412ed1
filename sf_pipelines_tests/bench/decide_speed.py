"""`python -m sf_pipelines_tests.bench.decide_speed`: how long one decision takes, pure and with its reads.

The ledger holds a fortnight of readings every five minutes, forecasts, 50 open promises and 60 runs of the
object. Prints medians and 95th percentiles in milliseconds.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from sqlalchemy import Engine

from sf_pipelines.ledger.engine import migrate, open_engine
from sf_pipelines.ledger.quota import QuotaBook
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.local.postgres import EmbeddedPostgres
from sf_pipelines.model.headroom import WATCHED_BUDGETS, Budget, Headroom
from sf_pipelines.model.outcome import OutcomeCounts, Verdict, VerdictState
from sf_pipelines.policy.performance import History
from sf_pipelines.policy.rail_choice import decide
from sf_pipelines.policy.thresholds import DEFAULT_THRESHOLDS
from sf_pipelines.workflows.decide import decide_at
from sf_pipelines.workflows.quota_reading import renew_outlooks
from sf_pipelines_tests.ledger.samples import NOON, Clock, decision, start_load
from sf_pipelines_tests.policy.slices import load_slice

TIMES = 500


def main() -> None:
    """Measure on a server of its own."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as postgres:
        engine = open_engine(postgres.url)
        migrate(engine)
        book = QuotaBook(engine, clock=lambda: NOON)
        _fill(engine, book)
        work = load_slice(50_000)
        known = book.headroom(WATCHED_BUDGETS)
        short = Headroom(
            taken_at=known.taken_at,
            budgets={
                name: Budget(maximum=item.maximum, remaining=item.maximum // 20, outlook=item.outlook)
                for name, item in known.budgets.items()
            },
        )
        history, knobs = History(), DEFAULT_THRESHOLDS
        _print("run, facts in hand", lambda: decide(work, known, history, knobs, NOON))
        _print("defer by forecast, facts in hand", lambda: decide(work, short, history, knobs, NOON))
        _print("run, with the reads from PostgreSQL", lambda: _decide_with_reads(book))
        engine.dispose()


def _decide_with_reads(book: QuotaBook) -> None:
    with book.desk() as desk:
        decide_at(desk, load_slice(50_000))


def _fill(engine: Engine, book: QuotaBook) -> None:
    for step in range(14 * 288):
        taken_at = NOON - timedelta(minutes=5 * step)
        remaining = 60_000 + step * 7919 % 20_000
        budgets = {name: Budget(maximum=100_000, remaining=remaining) for name in WATCHED_BUDGETS}
        book.record_reading(Headroom(taken_at=taken_at, budgets=budgets))
    renew_outlooks(book, book.headroom(WATCHED_BUDGETS), NOON)
    ledger = Ledger(engine, clock=Clock())
    for number in range(60):
        run_id = start_load(ledger)
        ledger.record_decision(run_id, decision())
        if number < 50:
            with book.desk() as desk:
                desk.reserve(run_id, {WATCHED_BUDGETS[0]: 10}, lease_seconds=900)
            continue
        counts = OutcomeCounts(submitted=1_000, succeeded=1_000)
        verdict = Verdict(state=VerdictState.COMPLETE, text="All 1,000 rows succeeded.")
        ledger.finish_run(run_id, verdict=verdict, counts=counts, api_calls=12)


def _print(what: str, work: Callable[[], object]) -> None:
    taken: list[float] = []
    for _ in range(TIMES):
        started = perf_counter()
        work()
        taken.append((perf_counter() - started) * 1_000)
    p95 = statistics.quantiles(taken, n=20)[-1]
    fastest = min(taken)
    sys.stdout.write(
        f"{what}: median {statistics.median(taken):.3f} ms, 95 % under {p95:.3f} ms, "
        f"fastest {fastest:.3f} ms\n"
    )


if __name__ == "__main__":
    main()
