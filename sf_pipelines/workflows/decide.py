"""Deciding with what the ledger knows: read the quotas, decide under the lock, promise, and keep the record.

The one place where the pure policy meets the org and the ledger. A run decides when it starts, whatever
a sensor or a person decided before, since the facts may have changed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sf_pipelines.ledger.deferrals import record_deferral
from sf_pipelines.ledger.history import read_history, with_trials
from sf_pipelines.ledger.quota import QuotaBook, QuotaDesk
from sf_pipelines.ledger.thresholds import read_thresholds
from sf_pipelines.model.decision import Action, Decision, Reason
from sf_pipelines.model.headroom import WATCHED_BUDGETS, Headroom
from sf_pipelines.model.rail import Rail
from sf_pipelines.model.slice import Slice
from sf_pipelines.policy.budgets import needs
from sf_pipelines.policy.rail_choice import decide
from sf_pipelines.workflows.errors import NotRunError
from sf_pipelines.workflows.promises import LEASE_SECONDS
from sf_pipelines.workflows.quota_reading import read_quota
from sf_pipelines.workflows.tools import Tools


def decide_to_send(
    slice_: Slice,
    tools: Tools,
    run_id: UUID,
    *,
    partition_key: str | None,
    forced: Rail | None = None,
    forced_reason: str = "",
) -> Decision:
    """Decide for a run, and reserve what the chosen rail will take.

    Args:
        forced_reason: why a person asked for the forced rail; kept with the decision.

    Raises:
        NotRunError: deferred or refused; nothing is reserved, a deferral is kept for later.
        SalesforceError: the org does not tell its quotas; LedgerError: the ledger cannot be used.
    """
    book = QuotaBook(tools.engine, clock=tools.clock)
    told = read_quota(tools.client.org, book, tools.clock)
    with book.desk() as desk:
        tried = with_trials(desk.connection, slice_, partition_key)
        decision = _explained(decide_at(desk, tried, forced=forced), told, forced_reason)
        _promise(desk, decision, run_id)
    _keep_promise(book, decision, tools, run_id)
    tools.ledger.record_decision(run_id, decision)
    if not decision.action.sends:
        if decision.action is Action.DEFER:
            record_deferral(tools.engine, run_id, decision, partition_key, clock=tools.clock)
        raise NotRunError(decision)
    tools.promises.pace_calls_per_minute = decision.pace_calls_per_minute
    return decision


def promise_again(decision: Decision, tools: Tools, run_id: UUID) -> None:
    """Reserve for a run that is taken up: what its dead process had promised has lapsed, or soon will.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    book = QuotaBook(tools.engine, clock=tools.clock)
    with book.desk() as desk:
        _promise(desk, decision, run_id)
    _keep_promise(book, decision, tools, run_id)
    tools.promises.pace_calls_per_minute = decision.pace_calls_per_minute


def _promise(desk: QuotaDesk, decision: Decision, run_id: UUID) -> None:
    if (units := _units(decision)) is not None:
        desk.reserve(run_id, units, lease_seconds=LEASE_SECONDS)


def _keep_promise(book: QuotaBook, decision: Decision, tools: Tools, run_id: UUID) -> None:
    if (units := _units(decision)) is not None:
        tools.promises.keep(run_id, units, book, tools.client.org)


def _units(decision: Decision) -> dict[str, int] | None:
    """Units of every quota that the chosen rail takes, None where nothing is sent."""
    if decision.rail is None:
        return None
    return needs(decision.costs[decision.rail], decision.slice.direction)


def decide_at(desk: QuotaDesk, slice_: Slice, *, forced: Rail | None = None) -> Decision:
    """The decision with the facts of this moment; nothing is read from the org and nothing is written."""
    return decide(
        slice_,
        desk.headroom(WATCHED_BUDGETS),
        read_history(desk.connection, slice_.sobject, desk.now),
        read_thresholds(desk.connection),
        desk.now,
        forced=forced,
    )


def _explained(decision: Decision, told: Headroom, forced_reason: str) -> Decision:
    """The decision with what the org left out, and with the words of who forced a rail."""
    left_out = [name for name in WATCHED_BUDGETS if name not in told.budgets]
    remarks = (*decision.remarks, *(_left_out(name, decision.headroom, told.taken_at) for name in left_out))
    because = tuple(_with_words(reason, forced_reason) for reason in decision.because)
    return replace(decision, remarks=remarks, because=because)


def _with_words(reason: Reason, words: str) -> Reason:
    if not words or reason.code != "forced":
        return reason
    text = f"{reason.text.removesuffix('.')}: {words.removesuffix('.')}."
    return replace(reason, text=text, figures={**reason.figures, "reason": words})


def _left_out(name: str, known: Headroom, now: datetime) -> Reason:
    budget = known.budgets.get(name)
    stands = "nothing limits it" if budget is None else f"the {budget.remaining:,} of its last reading stand"
    return Reason(
        code="budget_not_told",
        text=f"The org did not tell {name}; {stands}.",
        figures={"budget": name, "asked_at": now.isoformat()},
    )
