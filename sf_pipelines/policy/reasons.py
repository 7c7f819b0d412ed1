"""The sentences of a decision: each reason as a stable code, its figures, and the text made of them. Pure."""

from __future__ import annotations

from datetime import datetime

from sf_pipelines.model.decision import RailCost, Reason
from sf_pipelines.model.headroom import DAILY_API_REQUESTS
from sf_pipelines.model.rail import Direction, Rail
from sf_pipelines.model.slice import Slice
from sf_pipelines.policy.budgets import Draw
from sf_pipelines.policy.health import RailHealth

_NAMES = {Rail.REST: "REST", Rail.BULK: "Bulk", Rail.CDC: "CDC"}


def carries_changes_only(slice_: Slice) -> Reason:
    """Why CDC never carries a movement that was asked for."""
    return Reason(
        code="cdc_carries_changes_only",
        text="Change Data Capture only tells of changes as they happen; it cannot "
        + ("write records." if slice_.direction is Direction.LOAD else "read a window of the past."),
        figures={},
    )


def stream_in_trouble(trouble: str) -> Reason:
    """Why the change stream is not relied on now."""
    return Reason(
        code="stream_in_trouble",
        text=f"The change stream cannot be relied on: {trouble.removesuffix('.')}.",
        figures={"trouble": trouble},
    )


def fields_refused(slice_: Slice) -> Reason:
    """Which fields keep an extract off Bulk."""
    names = ", ".join(slice_.fields_refused_by_bulk)
    return Reason(
        code="fields_refused_by_bulk", text=f"A Bulk query cannot select {names}.", figures={"fields": names}
    )


def over_budget(rail: Rail, draw: Draw, slice_: Slice) -> Reason:
    """Which quota is short."""
    return Reason(
        code="over_budget",
        text=f"{_NAMES[rail]} needs {draw.used:,} of {draw.budget}, and after the reserve "
        f"{draw.available:,} are left for {slice_.criticality.value} work.",
        figures={"budget": draw.budget, "needed": draw.used, "available": draw.available},
    )


def circuit_open(rail: Rail, health: RailHealth, retry_at: datetime) -> Reason:
    """Why a rail that keeps failing is left alone."""
    again = (
        "a probe is under way" if health.is_probed else f"it is probed again at {retry_at:%Y-%m-%d %H:%M}Z"
    )
    return Reason(
        code="circuit_open",
        text=f"{_NAMES[rail]} failed {health.failures_in_a_row:,} times in a row; {again}.",
        figures={"failures_in_a_row": health.failures_in_a_row, "retry_at": retry_at.isoformat()},
    )


def probing(rail: Rail, health: RailHealth) -> Reason:
    """That this run finds out whether a rail works again."""
    return Reason(
        code="probe",
        text=f"{_NAMES[rail]} failed {health.failures_in_a_row:,} times in a row; this run probes it.",
        figures={"failures_in_a_row": health.failures_in_a_row},
    )


def row_locks(rail: Rail, health: RailHealth, limit: float) -> Reason:
    """Why a rail that loses rows to locks is avoided."""
    return Reason(
        code="row_locks",
        text=f"{_NAMES[rail]} lost {health.lock_rate:.1%} of the last {health.rows_sent:,} rows to row "
        f"locks, the limit is {limit:.1%}.",
        figures={"lock_rate": health.lock_rate, "rows": health.rows_sent, "limit": limit},
    )


def failed_last_time(rail: Rail, attempt: int) -> Reason:
    """Why a retry takes another rail."""
    return Reason(
        code="failed_last_time",
        text=f"{_NAMES[rail]} failed on attempt {attempt - 1:,}.",
        figures={"attempt": attempt},
    )


def too_late(cost: RailCost, allowed_seconds: float) -> Reason:
    """By how much a rail misses the deadline."""
    return Reason(
        code="misses_deadline",
        text=f"{_NAMES[cost.rail]} would take {cost.seconds:,.0f} s, the deadline is "
        f"{allowed_seconds:,.0f} s.",
        figures={"seconds": cost.seconds, "deadline_seconds": allowed_seconds},
    )


def compared(code: str, loser: RailCost, winner: RailCost, prices: tuple[float, float]) -> Reason:
    """What a rail costs beside the one that won."""
    return Reason(
        code=code,
        text=f"{_NAMES[loser.rail]} would cost {priced(loser)}, {_NAMES[winner.rail]} {priced(winner)}.",
        figures={
            "price": round(prices[0], 3),
            "winner_price": round(prices[1], 3),
            "api_calls": loser.api_calls,
            "seconds": loser.seconds,
        },
    )


def moves(code: str, cost: RailCost, slice_: Slice, price: float) -> Reason:
    """What the chosen rail will take."""
    rows = "1 row" if slice_.rows == 1 else f"{slice_.rows:,} rows"
    return Reason(
        code=code,
        text=f"{_NAMES[cost.rail]} moves {rows} ({slice_.bytes_raw / 1e6:,.1f} MB) for {priced(cost)}.",
        figures={
            "rows": slice_.rows,
            "bytes_raw": slice_.bytes_raw,
            "api_calls": cost.api_calls,
            "seconds": cost.seconds,
            "price": round(price, 3),
        },
    )


def fits_budget(draws: list[Draw]) -> tuple[Reason, ...]:
    """How many API calls may still be used, where the org tells."""
    return tuple(
        Reason(
            code="fits_budget",
            text=f"{draw.available:,} of {draw.maximum:,} API calls may still be used.",
            figures={"available": draw.available, "maximum": draw.maximum},
        )
        for draw in draws
        if draw.budget == DAILY_API_REQUESTS
    )


def paced(calls: int, per_minute: float, left_after: int, level: int) -> Reason:
    """Why and how far a run is slowed down."""
    return Reason(
        code="throttled",
        text=f"{left_after:,} API calls would be left where {level:,} are the level for full speed: "
        f"{calls:,} calls are spread at {per_minute:,.1f} a minute.",
        figures={"calls_per_minute": per_minute, "left_after": left_after, "level": level},
    )


def asked_for(rail: Rail) -> Reason:
    """That a person chose."""
    return Reason(code="forced", text=f"{_NAMES[rail]} was asked for.", figures={"rail": rail.value})


def not_asked_for(forced: Rail) -> Reason:
    """Why a rail lost to the one that a person chose."""
    return Reason(
        code="not_the_forced_rail", text=f"{_NAMES[forced]} was asked for.", figures={"rail": forced.value}
    )


def fits_at(when: datetime) -> Reason:
    """When the forecast has room."""
    return Reason(
        code="fits_later",
        text=f"By the forecast it fits at {when:%Y-%m-%d %H:%M}Z.",
        figures={"fits_at": when.isoformat()},
    )


def no_fit_in_sight() -> Reason:
    """That the forecast has no room at all."""
    return Reason(
        code="no_fit_in_sight", text="The forecast sees no room within its two days.", figures={"hours": 48}
    )


def after_next_start(when: datetime) -> Reason:
    """That the schedule comes first."""
    return Reason(
        code="next_start_comes_first",
        text=f"The next scheduled start is sooner, at {when:%Y-%m-%d %H:%M}Z.",
        figures={"next_start": when.isoformat()},
    )


def priced(cost: RailCost) -> str:
    """Calls, jobs and seconds in words."""
    jobs = f" and {cost.jobs:,} jobs" if cost.jobs > 1 else " and 1 job" if cost.jobs else ""
    calls = "1 call" if cost.api_calls == 1 else f"{cost.api_calls:,} calls"
    return f"{calls}{jobs} in about {cost.seconds:,.0f} s"
