"""The outbox: each notice once on each channel, by one process, again where it could not be sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from sf_pipelines.ledger.notices import (
    FIRST_WAIT,
    MAX_ATTEMPTS,
    QUIET_FOR,
    file_notice,
    notices_given_up,
    outbox,
)
from sf_pipelines.model.notice import Notice

NOTICE = Notice(key="run:1", subject="It failed", text="Mend it.", url="https://dagster.test/runs/1")
START = datetime(2026, 3, 5, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def due(engine: Engine, clock: Clock) -> list[str]:
    with outbox(engine, clock=clock) as box:
        return [item.channel for item in box.due()]


def test_a_notice_is_due_on_every_channel_until_it_is_sent(engine: Engine) -> None:
    clock = Clock()
    assert file_notice(engine, NOTICE, ["webhook", "e-mail"], clock=clock)

    with outbox(engine, clock=clock) as box:
        (mail, webhook) = box.due()
        assert (mail.notice, webhook.channel) == (NOTICE, "webhook")
        box.sent(mail)

    assert due(engine, clock) == ["webhook"]


def test_the_same_notice_is_told_again_only_after_a_day(engine: Engine) -> None:
    clock = Clock()
    file_notice(engine, NOTICE, ["webhook"], clock=clock)
    with outbox(engine, clock=clock) as box:
        box.sent(box.due()[0])

    clock.now += timedelta(hours=1)
    assert not file_notice(engine, NOTICE, ["webhook"], clock=clock)
    assert due(engine, clock) == []

    clock.now = START + QUIET_FOR + timedelta(seconds=1)
    assert file_notice(engine, NOTICE, ["webhook"], clock=clock)
    assert due(engine, clock) == ["webhook"]


def test_what_another_process_is_sending_is_left_to_it(engine: Engine) -> None:
    clock = Clock()
    file_notice(engine, NOTICE, ["webhook"], clock=clock)

    with outbox(engine, clock=clock) as box:
        assert len(box.due()) == 1
        assert due(engine, clock) == []

    assert due(engine, clock) == ["webhook"]


def test_a_failed_attempt_waits_twice_as_long_each_time_and_ends(engine: Engine) -> None:
    clock = Clock()
    file_notice(engine, NOTICE, ["webhook"], clock=clock)

    waits: list[timedelta] = []
    for attempt in range(MAX_ATTEMPTS):
        with outbox(engine, clock=clock) as box:
            box.failed(box.due()[0], "The webhook cannot be reached.")
        waits.append(FIRST_WAIT * 2**attempt)
        clock.now += waits[-1] - timedelta(seconds=1)
        assert due(engine, clock) == []
        clock.now += timedelta(seconds=1)

    assert due(engine, clock) == []
    assert notices_given_up(engine) == 1
    assert sum(waits, timedelta()) == timedelta(minutes=255)


def test_nothing_is_filed_where_there_is_no_channel(engine: Engine) -> None:
    assert not file_notice(engine, NOTICE, [], clock=Clock())
