"""What the ledger teaches about one object: speeds of the rails, rows lost, runs that failed.

One query of its last runs; what follows from them is worked out by the policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, Row, text

from sf_pipelines.ledger.decisions import slice_from_json
from sf_pipelines.model.rail import Direction, Rail
from sf_pipelines.model.slice import Slice
from sf_pipelines.policy.health import RailHealth
from sf_pipelines.policy.learning import PastRun, learn
from sf_pipelines.policy.performance import History

RUNS = 60
"""How far back is looked: newer runs weigh more, and older ones say little about the org of today."""

ROW_LOCK_CODE = "UNABLE_TO_LOCK_ROW"

_RUNS = text(
    """
    SELECT run.direction, run.state, run.submitted, run.failed + run.unprocessed AS lost, run.finished_at,
           extract(epoch FROM run.finished_at - run.started_at) AS seconds, chosen.rail, chosen.pace,
           coalesce(locks.rows, 0) AS locked, tried.rail_failed, tried.rail_failed_at,
           EXISTS (
               SELECT FROM ledger.quota_reservation AS held
               WHERE held.run_id = run.id AND held.settled_at IS NULL AND held.lease_until > :now
           ) AS is_alive
    FROM ledger.sync_run AS run
    CROSS JOIN LATERAL (
        SELECT rail, inputs ->> 'pace_calls_per_minute' AS pace FROM ledger.decision AS decision
        WHERE decision.run_id = run.id ORDER BY decided_at DESC, decision.id LIMIT 1
    ) AS chosen
    LEFT JOIN LATERAL (
        SELECT sum((chunk.errors ->> :lock_code)::bigint) AS rows
        FROM ledger.outcome_summary AS chunk WHERE chunk.run_id = run.id
    ) AS locks ON true
    LEFT JOIN LATERAL (
        SELECT array_agg(rail_failed ORDER BY attempt DESC) AS rail_failed,
               max(ended_at) FILTER (WHERE rail_failed) AS rail_failed_at
        FROM ledger.run_attempt AS attempt
        WHERE attempt.run_id = run.id AND attempt.rail_failed IS NOT NULL
    ) AS tried ON true
    WHERE run.sobject = :sobject AND chosen.rail IS NOT NULL
    ORDER BY run.started_at DESC LIMIT :runs
    """
)

_TRIALS = text(
    """
    SELECT chosen.rail, attempt.rail_failed
    FROM ledger.sync_run AS run
    JOIN ledger.run_attempt AS attempt ON attempt.run_id = run.id
    CROSS JOIN LATERAL (
        SELECT rail FROM ledger.decision AS decision
        WHERE decision.run_id = run.id ORDER BY decided_at DESC, decision.id LIMIT 1
    ) AS chosen
    WHERE run.sync = :sync AND run.partition_key IS NOT DISTINCT FROM :partition_key
      AND chosen.rail IS NOT NULL AND attempt.rail_failed IS NOT NULL
    ORDER BY attempt.started_at DESC LIMIT :runs
    """
)

_LAST_SLICE = text(
    """
    SELECT decision.inputs -> 'slice' AS slice FROM ledger.sync_run AS run
    JOIN ledger.decision AS decision ON decision.run_id = run.id
    WHERE run.sync = :sync ORDER BY run.started_at DESC, decision.decided_at DESC LIMIT 1
    """
)


def read_history(connection: Connection, sobject: str, now: datetime) -> History:
    """What the last runs of an object teach."""
    parameters = {"sobject": sobject, "now": now, "runs": RUNS, "lock_code": ROW_LOCK_CODE}
    rows = connection.execute(_RUNS, parameters).all()
    pairs = dict.fromkeys((Rail(row.rail), Direction(row.direction)) for row in rows)
    health = {
        (rail, direction): _health([row for row in rows if (row.rail, row.direction) == (rail, direction)])
        for rail, direction in pairs
    }
    return History(learned=learn(list(_past_runs(rows))), health=health)


def last_slice(connection: Connection, sync: str) -> Slice | None:
    """The work of the newest run of a sync, as an estimate of the next; None before the first."""
    stored = connection.execute(_LAST_SLICE, {"sync": sync}).scalar_one_or_none()
    if stored is None:
        return None
    return replace(slice_from_json(stored), next_start=None, attempt=1, failed_rail=None, stream=None)


def with_trials(connection: Connection, slice_: Slice, partition_key: str | None) -> Slice:
    """The slice with what became of it before: tries that a rail broke off since it last went well."""
    parameters = {"sync": slice_.sync, "partition_key": partition_key, "runs": RUNS}
    rows = connection.execute(_TRIALS, parameters).all()
    broken = list(takewhile(lambda row: row.rail_failed, rows))
    failed_rail = Rail(broken[0].rail) if broken else None
    return replace(slice_, attempt=len(broken) + 1, failed_rail=failed_rail)


def _past_runs(rows: Iterable[Row[Any]]) -> Iterable[PastRun]:
    """Finished runs at full speed; one that was paced, or broke off, says nothing about speed."""
    for row in rows:
        if row.state not in ("running", "error") and row.pace is None and row.seconds is not None:
            yield PastRun(
                rail=Rail(row.rail),
                direction=Direction(row.direction),
                rows=row.submitted,
                seconds=float(row.seconds),
            )


def _health(newest_first: Sequence[Row[Any]]) -> RailHealth:
    ended = [row for row in newest_first if row.state != "running"]
    attempts = [failed for row in newest_first for failed in row.rail_failed or ()]
    failures = len(list(takewhile(bool, attempts)))
    failed_at = [row.rail_failed_at for row in newest_first if row.rail_failed_at is not None]
    sent, locked = sum(row.submitted for row in ended), sum(int(row.locked) for row in ended)
    return RailHealth(
        rows_sent=sent,
        lock_rate=locked / sent if sent else 0.0,
        failure_rate=sum(row.lost for row in ended) / sent if sent else 0.0,
        failures_in_a_row=failures,
        last_failed_at=max(failed_at) if failures else None,
        is_probed=failures > 0 and any(row.is_alive for row in newest_first if row.state == "running"),
    )
