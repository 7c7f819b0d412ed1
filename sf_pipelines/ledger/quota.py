"""Readings, forecasts and reservations of the org's quotas: verbs and the facts that a decision needs.

What may still be promised is worked out and promised under one advisory lock, so that any number of
processes on any number of machines never promise more than there is. Every function raises LedgerError
when the database cannot be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, case, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from sf_pipelines.ledger.engine import transaction
from sf_pipelines.ledger.jsonable import to_json
from sf_pipelines.ledger.quota_tables import quota_outlook, quota_reservation, quota_snapshot
from sf_pipelines.ledger.tables import sync_run
from sf_pipelines.ledger.verbs import utc_now
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, Budget, Headroom
from sf_pipelines.model.outlook import Outlook, Reading

RESERVATION_LOCK = 0x5F_0B06
"""Key of the advisory lock under which is promised; any number, but always this one."""

LIMITS_LAG = timedelta(minutes=5)
"""How far `/limits` may be behind the calls that were made [D RESTG]."""

NEVER_READ = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

_HEADROOM = text(
    """
    SELECT newest.budget, newest.maximum, newest.remaining, newest.taken_at,
           outlook.made_at, outlook.curve, promised.units
    FROM (SELECT unnest(CAST(:budgets AS text[])) AS budget) AS wanted
    CROSS JOIN LATERAL (
        SELECT * FROM ledger.quota_snapshot AS snapshot WHERE snapshot.budget = wanted.budget
        ORDER BY snapshot.taken_at DESC, snapshot.id DESC LIMIT 1
    ) AS newest
    LEFT JOIN ledger.quota_outlook AS outlook ON outlook.budget = wanted.budget
    LEFT JOIN LATERAL (
        SELECT sum(CASE
            WHEN r.settled_at IS NOT NULL THEN
                CASE WHEN r.settled_at > newest.taken_at - CAST(:lag AS interval) THEN r.used ELSE 0 END
            WHEN r.lease_until <= :now THEN
                CASE WHEN r.lease_until > newest.taken_at - CAST(:lag AS interval) THEN r.used ELSE 0 END
            ELSE greatest(r.amount, r.used) - CASE
                WHEN r.noted_at <= newest.taken_at - CAST(:lag AS interval) THEN r.used
                WHEN r.before_at <= newest.taken_at - CAST(:lag AS interval) THEN r.used_before
                ELSE 0 END
            END) AS units
        FROM ledger.quota_reservation AS r
        WHERE r.budget = wanted.budget
          AND (r.settled_at IS NULL OR r.settled_at > newest.taken_at - CAST(:lag AS interval))
    ) AS promised ON true
    """
)
"""The newest reading of each quota, its forecast, and what is promised beyond what the reading knows.

A run under way counts with what it was promised less what the reading has certainly seen. A run that has
ended, or whose lease ran out, counts with what it used until a reading has certainly seen that.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservation:
    """What one run was promised of one quota, and has used of it.

    Attributes:
        dagster_run_id: the Dagster run that works on it, None outside of Dagster.
    """

    run_id: UUID
    dagster_run_id: str | None
    budget: str
    amount: int
    used: int
    lease_until: datetime
    settled_at: datetime | None


class QuotaDesk:
    """The place where quota is promised: exists under the lock, in one transaction."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection = connection
        self.now = now

    def headroom(self, budgets: Sequence[str]) -> Headroom:
        """What is left, with what others were promised and how it will move."""
        return read_headroom(self.connection, budgets, self.now)

    def reserve(self, run_id: UUID, units: Mapping[str, int], *, lease_seconds: float) -> None:
        """Promise a run its units of each quota; the decision that asks for it has seen the headroom."""
        lease_until = self.now + timedelta(seconds=lease_seconds)
        for budget, amount in units.items():
            moment = {"noted_at": self.now, "before_at": self.now, "reserved_at": self.now}
            values = moment | {"amount": amount, "lease_until": lease_until, "settled_at": None}
            statement = upsert(quota_reservation).values(run_id=run_id, budget=budget, **values)
            keys = ["run_id", "budget"]
            self.connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values))


class QuotaBook:
    """Verbs and queries on one database."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    @contextmanager
    def desk(self) -> Generator[QuotaDesk]:
        """Wait for one's turn, and hold it until the block ends; an error in it promises nothing."""
        with transaction(self._engine) as connection:
            connection.execute(select(func.pg_advisory_xact_lock(RESERVATION_LOCK)))
            yield QuotaDesk(connection, self._clock())

    def headroom(self, budgets: Sequence[str]) -> Headroom:
        """What is left, for people and plans; only the desk's answer may be built upon."""
        with transaction(self._engine) as connection:
            return read_headroom(connection, budgets, self._clock())

    def record_answer(self, budgets: Mapping[str, Budget]) -> None:
        """Keep what the header of an answer told just now."""
        self.record_reading(Headroom(taken_at=self._clock(), budgets=budgets), source="answer")

    def limits_read_at(self) -> datetime | None:
        """When `/limits` itself was read last, None if never."""
        newest = select(func.max(quota_snapshot.c.taken_at)).where(quota_snapshot.c.source == "limits")
        with transaction(self._engine) as connection:
            return connection.execute(newest).scalar_one()

    def record_reading(self, headroom: Headroom, *, source: str = "limits") -> None:
        """Keep what the org told, as it told it."""
        rows = [
            {
                "budget": name,
                "maximum": budget.maximum,
                "remaining": budget.remaining,
                "taken_at": headroom.taken_at,
                "source": source,
            }
            for name, budget in headroom.budgets.items()
        ]
        if rows:
            with transaction(self._engine) as connection:
                connection.execute(insert(quota_snapshot), rows)

    def readings(self, budget: str, *, since: datetime) -> list[Reading]:
        """The last reading of each ten minutes, the oldest first."""
        table = quota_snapshot.c
        slot = func.date_bin(timedelta(minutes=10), table.taken_at, NEVER_READ)
        statement = (
            select(table.taken_at, (table.maximum - table.remaining).label("used"))
            .distinct(slot)
            .where(table.budget == budget, table.taken_at >= since)
            .order_by(slot, table.taken_at.desc())
        )
        with transaction(self._engine) as connection:
            return [Reading(taken_at=row.taken_at, used=row.used) for row in connection.execute(statement)]

    def store_outlooks(self, outlooks: Mapping[str, Outlook]) -> None:
        """Keep the newest forecast of each quota."""
        with transaction(self._engine) as connection:
            for budget, outlook in sorted(outlooks.items()):
                curve = {name: to_json(getattr(outlook, name)) for name in ("expected", "error", "coverage")}
                values = {"made_at": outlook.made_at, "curve": curve}
                statement = upsert(quota_outlook).values(budget=budget, **values)
                connection.execute(statement.on_conflict_do_update(index_elements=["budget"], set_=values))

    def note_use(self, run_id: UUID, units: Mapping[str, int], *, lease_seconds: float) -> None:
        """True up what a run has used so far, and say that it lives."""
        now, table = self._clock(), quota_reservation
        is_time = table.c.before_at <= now - 2 * LIMITS_LAG
        with transaction(self._engine) as connection:
            for budget, used in units.items():
                connection.execute(
                    update(table)
                    .where(table.c.run_id == run_id, table.c.budget == budget, table.c.settled_at.is_(None))
                    .values(
                        used_before=case((is_time, table.c.used), else_=table.c.used_before),
                        before_at=case((is_time, table.c.noted_at), else_=table.c.before_at),
                        used=used,
                        noted_at=now,
                        lease_until=now + timedelta(seconds=lease_seconds),
                    )
                )

    def settle(self, run_id: UUID, units: Mapping[str, int] | None = None) -> None:
        """Give back what a run did not use; None leaves what was noted last, for a run that died."""
        now, table = self._clock(), quota_reservation
        is_open = (table.c.run_id == run_id) & table.c.settled_at.is_(None)
        with transaction(self._engine) as connection:
            for budget, used in (units or {}).items():
                connection.execute(update(table).where(is_open, table.c.budget == budget).values(used=used))
            connection.execute(update(table).where(is_open).values(settled_at=now, noted_at=now))

    def open_reservations(self) -> list[Reservation]:
        """Promises to runs that have not ended, lapsed leases included."""
        names = [name for name in Reservation.__dataclass_fields__ if name != "dagster_run_id"]
        statement = (
            select(sync_run.c.dagster_run_id, *(quota_reservation.c[name] for name in names))
            .join_from(quota_reservation, sync_run, sync_run.c.id == quota_reservation.c.run_id)
            .where(quota_reservation.c.settled_at.is_(None))
        )
        with transaction(self._engine) as connection:
            return [Reservation(**row) for row in connection.execute(statement).mappings()]


def read_headroom(connection: Connection, budgets: Sequence[str], now: datetime) -> Headroom:
    """The facts of a decision about the quotas; a quota that was never read is missing.

    `taken_at` is that of the API calls, which every answer tells; a quota that the org no longer tells
    keeps its last figure.
    """
    parameters = {"budgets": list(budgets), "lag": LIMITS_LAG, "now": now}
    rows = connection.execute(_HEADROOM, parameters).all()
    return Headroom(
        taken_at=next((row.taken_at for row in rows if row.budget == DAILY_API_REQUESTS), NEVER_READ),
        budgets={row.budget: _budget(row) for row in rows},
    )


def _budget(row: Row[Any]) -> Budget:
    outlook = None
    if row.curve is not None:
        outlook = Outlook(
            made_at=row.made_at,
            expected=tuple(row.curve["expected"]),
            error=tuple(row.curve["error"]),
            coverage=row.curve["coverage"],
        )
    reserved = int(row.units or 0)
    return Budget(maximum=row.maximum, remaining=row.remaining, reserved=reserved, outlook=outlook)
