"""The outbox of notices: filed once, taken by one process at a time, sent again where sending failed.

A notice is sent at least once: a process that dies after sending and before its transaction ends leaves it
to be sent again. Every verb raises LedgerError when the database cannot be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from sf_pipelines.ledger.engine import transaction
from sf_pipelines.ledger.notice_tables import notice as table
from sf_pipelines.ledger.verbs import utc_now
from sf_pipelines.model.notice import Notice

QUIET_FOR = timedelta(hours=24)
"""What was told is not told again so soon, however often it happens."""

MAX_ATTEMPTS = 8
FIRST_WAIT = timedelta(minutes=1)
"""Doubled after each failed attempt: the last is made about two hours after the first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DueNotice:
    """A notice that is to be sent on one channel now."""

    notice: Notice
    channel: str
    attempts: int


def file_notice(
    engine: Engine, notice: Notice, channels: Iterable[str], *, clock: Callable[[], datetime] = utc_now
) -> bool:
    """Put a notice into the outbox of each channel; whether any of them had it not yet within a day."""
    now = clock()
    rows = [
        {
            "key": notice.key,
            "channel": channel,
            "subject": notice.subject,
            "body": notice.text,
            "url": notice.url,
            "filed_at": now,
            "next_attempt_at": now,
        }
        for channel in channels
    ]
    if not rows:
        return False
    insert = upsert(table)
    new = insert.excluded
    statement = insert.on_conflict_do_update(
        index_elements=[table.c.key, table.c.channel],
        set_={
            **{name: new[name] for name in rows[0] if name not in ("key", "channel")},
            "attempts": 0,
            "sent_at": None,
            "error": None,
        },
        where=table.c.filed_at < now - QUIET_FOR,
    ).returning(table.c.key)
    with transaction(engine) as connection:
        return bool(connection.execute(statement, rows).fetchall())


class Outbox:
    """Notices that are due, held by this transaction alone."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def due(self) -> list[DueNotice]:
        """The oldest first; those that another process is sending are left out."""
        statement = (
            select(table)
            .where(
                table.c.sent_at.is_(None),
                table.c.attempts < MAX_ATTEMPTS,
                table.c.next_attempt_at <= self._now,
            )
            .order_by(table.c.filed_at, table.c.key, table.c.channel)
            .with_for_update(skip_locked=True)
        )
        return [
            DueNotice(
                notice=Notice(key=row.key, subject=row.subject, text=row.body, url=row.url),
                channel=row.channel,
                attempts=row.attempts,
            )
            for row in self._connection.execute(statement)
        ]

    def sent(self, due: DueNotice) -> None:
        """It has been told."""
        self._set(due, sent_at=self._now, error=None)

    def failed(self, due: DueNotice, error: str) -> None:
        """It is tried again later, unless it was tried often enough."""
        wait = FIRST_WAIT * 2**due.attempts
        self._set(due, attempts=due.attempts + 1, error=error, next_attempt_at=self._now + wait)

    def _set(self, due: DueNotice, **values: object) -> None:
        which = (table.c.key == due.notice.key) & (table.c.channel == due.channel)
        self._connection.execute(update(table).where(which).values(**values))


@contextmanager
def outbox(engine: Engine, *, clock: Callable[[], datetime] = utc_now) -> Generator[Outbox]:
    """The outbox within one transaction; what is sent in it is marked when it ends."""
    with transaction(engine) as connection:
        yield Outbox(connection, clock())


def notices_given_up(engine: Engine) -> int:
    """Notices that could not be sent however often it was tried."""
    statement = select(func.count()).where(table.c.sent_at.is_(None), table.c.attempts >= MAX_ATTEMPTS)
    with transaction(engine) as connection:
        return connection.execute(statement).scalar_one()
