from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from sf_pipelines.ledger.quota import LIMITS_LAG, QuotaBook
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, DAILY_BULK_BATCHES, Budget, Headroom
from sf_pipelines.model.outlook import Outlook
from sf_pipelines_tests.ledger.quotas import HandClock, reading, reserve
from sf_pipelines_tests.ledger.samples import NOON

CALLS = DAILY_API_REQUESTS


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def book(engine: Engine, clock: HandClock) -> QuotaBook:
    return QuotaBook(engine, clock=clock)


def budget(book: QuotaBook) -> Budget:
    return book.headroom([CALLS]).budgets[CALLS]


def test_a_quota_that_was_never_read_is_missing(book: QuotaBook) -> None:
    assert book.headroom([CALLS, DAILY_BULK_BATCHES]).budgets == {}


def test_the_newest_reading_of_each_quota_counts_and_that_of_the_calls_dates_the_headroom(
    book: QuotaBook,
) -> None:
    batches = {DAILY_BULK_BATCHES: Budget(maximum=15_000, remaining=14_000)}
    book.record_reading(Headroom(taken_at=NOON - timedelta(hours=1), budgets=batches))
    book.record_reading(reading(900, NOON - timedelta(minutes=9)))
    book.record_reading(reading(-3, NOON))

    headroom = book.headroom([CALLS, DAILY_BULK_BATCHES])

    assert headroom.budgets == batches | {CALLS: Budget(maximum=1_000, remaining=-3)}
    assert headroom.taken_at == NOON


def test_a_forecast_comes_back_as_it_was_stored(book: QuotaBook) -> None:
    outlook = Outlook(made_at=NOON, expected=(-5.0, 7.5), error=(1.0, 2.0), coverage=0.9)
    book.record_reading(reading(900))
    book.store_outlooks({CALLS: Outlook(made_at=NOON, expected=(), error=(), coverage=0.9)})
    book.store_outlooks({CALLS: outlook})

    assert budget(book).outlook == outlook


def test_readings_are_thinned_to_the_last_of_ten_minutes(book: QuotaBook) -> None:
    for minute in (0, 3, 9, 10, 25):
        book.record_reading(reading(900 - minute, NOON + timedelta(minutes=minute)))

    found = book.readings(CALLS, since=NOON)

    assert [(item.taken_at - NOON, item.used) for item in found] == [
        (timedelta(minutes=9), 109), (timedelta(minutes=10), 110), (timedelta(minutes=25), 125)
    ]  # fmt: skip


def test_a_promise_counts_in_full_until_it_is_settled(book: QuotaBook, engine: Engine) -> None:
    book.record_reading(reading(900))
    run_id = reserve(book, engine, 300)
    assert budget(book).reserved == 300

    book.note_use(run_id, {CALLS: 120}, lease_seconds=900)
    assert budget(book).reserved == 300

    book.settle(run_id, {CALLS: 130})
    assert budget(book).reserved == 130


def test_what_a_run_used_counts_until_a_reading_has_certainly_seen_it(
    book: QuotaBook, engine: Engine, clock: HandClock
) -> None:
    book.record_reading(reading(900))
    book.settle(reserve(book, engine, 300), {CALLS: 130})

    book.record_reading(reading(770, NOON + LIMITS_LAG - timedelta(seconds=1)))
    assert budget(book).reserved == 130
    book.record_reading(reading(770, NOON + LIMITS_LAG))
    assert budget(book).reserved == 0


def test_a_run_under_way_counts_without_what_a_reading_has_certainly_seen(
    book: QuotaBook, engine: Engine, clock: HandClock
) -> None:
    run_id = reserve(book, engine, 300)
    for minute, used in ((0, 40), (10, 150), (20, 250)):
        clock.now = NOON + timedelta(minutes=minute)
        book.note_use(run_id, {CALLS: used}, lease_seconds=900)

    book.record_reading(reading(700, NOON + timedelta(minutes=20)))

    assert budget(book).reserved == 300 - 150


def test_a_run_that_needs_more_than_promised_counts_with_what_it_used(
    book: QuotaBook, engine: Engine
) -> None:
    book.record_reading(reading(900))
    book.note_use(reserve(book, engine, 300), {CALLS: 400}, lease_seconds=900)

    assert budget(book).reserved == 400


def test_the_promise_of_a_run_that_gives_no_sign_of_life_lapses_but_what_it_used_counts(
    book: QuotaBook, engine: Engine, clock: HandClock
) -> None:
    book.record_reading(reading(900))
    run_id = reserve(book, engine, 300, lease_seconds=60)
    book.note_use(run_id, {CALLS: 50}, lease_seconds=60)

    clock.forward(seconds=59)
    assert budget(book).reserved == 300
    clock.forward(seconds=1)
    assert budget(book).reserved == 50
    assert [item.run_id for item in book.open_reservations()] == [run_id]


def test_an_error_at_the_desk_promises_nothing(book: QuotaBook, engine: Engine) -> None:
    book.record_reading(reading(900))
    run_id = reserve(book, engine, 0)
    with pytest.raises(ZeroDivisionError), book.desk() as desk:  # noqa: PT012
        desk.reserve(run_id, {CALLS: 500}, lease_seconds=900)
        _ = 1 / 0

    assert budget(book).reserved == 0


WORKERS = 50


def test_fifty_processes_at_once_never_promise_more_than_there_is(
    book: QuotaBook, engine: Engine, database_url: str
) -> None:
    book.record_reading(reading(900))
    # one module start for all of them: fifty interpreters would take minutes on a small machine
    command = [sys.executable, "-m", "sf_pipelines_tests.ledger.quota_workers", database_url, str(WORKERS)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, timeout=110)

    granted = [int(line) for line in finished.stdout.split()]
    assert len(granted) == WORKERS
    assert 900 - 100 - 37 < sum(granted) <= 900 - 100
    assert budget(book).reserved == sum(granted)
