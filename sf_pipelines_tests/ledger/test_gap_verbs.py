from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from sf_pipelines.ledger.change_queries import GapRow, gap_history, open_gaps
from sf_pipelines.ledger.change_verbs import ChangeLedger
from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.ledger.gap_verbs import MAX_IDS_OF_A_GAP
from sf_pipelines.model.gap import Gap, GapCause, GapProof
from sf_pipelines_tests.ledger.change_samples import CHANNEL
from sf_pipelines_tests.ledger.samples import NOON, Clock

HOUR = timedelta(hours=1)
PROOF = GapProof(org_rows=3, rows_before=2, rows_after=3, rows_repaired=2, rows_deleted=0)
WINDOW = Gap(
    channel=CHANNEL,
    sobject="Account",
    cause=GapCause.DOWNTIME,
    detail="Not read for 80 hours.",
    from_timestamp=NOON - HOUR,
    to_timestamp=NOON,
)
IDS = replace(WINDOW, cause=GapCause.GAP_EVENT, record_ids=("001A",))


@pytest.fixture
def changes(engine: Engine) -> ChangeLedger:
    return ChangeLedger(engine, clock=Clock())


def only_gap(engine: Engine) -> GapRow:
    (gap,) = open_gaps(engine)
    return gap


def test_a_gap_goes_from_open_over_its_repair_to_closed_with_proof(
    changes: ChangeLedger, engine: Engine
) -> None:
    gap_id = changes.open_gap(WINDOW)
    assert only_gap(engine).repair_state == "open"

    assert changes.record_repair(gap_id, run_id=None) == 1
    assert only_gap(engine).repair_state == "repairing"
    changes.close_gap(gap_id, PROOF)

    assert open_gaps(engine) == []
    (closed,) = gap_history(engine, sobject="Account")
    assert (closed.org_rows, closed.rows_before, closed.rows_after) == (3, 2, 3)
    assert (closed.rows_repaired, closed.rows_deleted) == (2, 0)
    assert closed.closed_at is not None


def test_a_repair_that_gives_up_leaves_the_gap_open_with_the_reason(
    changes: ChangeLedger, engine: Engine
) -> None:
    gap_id = changes.open_gap(WINDOW)
    changes.record_repair(gap_id, run_id=None)
    changes.record_repair_failure(gap_id, "The org cannot be reached.")

    gap = only_gap(engine)
    assert (gap.repair_state, gap.repair_error) == ("open", "The org cannot be reached.")
    assert changes.record_repair(gap_id, run_id=None) == 2


def test_a_gap_of_the_same_cause_widens_the_one_that_nobody_repairs(
    changes: ChangeLedger, engine: Engine
) -> None:
    first = changes.open_gap(WINDOW)
    later = replace(WINDOW, from_timestamp=NOON - 3 * HOUR, to_timestamp=NOON + HOUR)

    assert changes.open_gap(later) == first

    gap = only_gap(engine)
    assert (gap.from_timestamp, gap.to_timestamp) == (NOON - 3 * HOUR, NOON + HOUR)


def test_a_widened_gap_stays_without_the_bound_that_one_of_both_lacks(
    changes: ChangeLedger, engine: Engine
) -> None:
    changes.open_gap(replace(WINDOW, from_timestamp=None))
    changes.open_gap(replace(WINDOW, to_timestamp=None))

    gap = only_gap(engine)
    assert (gap.from_timestamp, gap.to_timestamp) == (None, None)


def test_records_in_doubt_are_gathered_each_once(changes: ChangeLedger, engine: Engine) -> None:
    changes.open_gap(IDS)
    changes.open_gap(replace(IDS, record_ids=("001B", "001A")))

    assert only_gap(engine).record_ids == ["001A", "001B"]


def test_a_gap_that_is_being_repaired_or_full_is_never_widened(changes: ChangeLedger, engine: Engine) -> None:
    changes.record_repair(changes.open_gap(IDS), run_id=None)
    changes.open_gap(replace(IDS, record_ids=tuple(map(str, range(MAX_IDS_OF_A_GAP)))))
    changes.open_gap(IDS)

    assert [len(gap.record_ids or ()) for gap in open_gaps(engine)] == [1, MAX_IDS_OF_A_GAP, 1]


@pytest.mark.parametrize(
    "other",
    [
        replace(WINDOW, sobject="Contact"),
        replace(WINDOW, sobject=None),
        replace(WINDOW, cause=GapCause.SILENT_STREAM),
        replace(WINDOW, channel="/data/ChangeEvents"),
        replace(WINDOW, record_ids=("001A",)),
    ],
    ids=["object", "all objects", "cause", "channel", "records known"],
)
def test_gaps_of_different_kinds_stay_apart(changes: ChangeLedger, engine: Engine, other: Gap) -> None:
    changes.open_gap(WINDOW)
    changes.open_gap(other)

    assert len(open_gaps(engine)) == 2


def test_a_gap_of_all_objects_concerns_each_and_can_be_divided(changes: ChangeLedger, engine: Engine) -> None:
    gap_id = changes.open_gap(replace(WINDOW, sobject=None))
    assert len(open_gaps(engine, sobject="Contact")) == 1

    assert changes.divide_gap(gap_id, ["Account", "Contact"])[0] == gap_id

    (contact,) = open_gaps(engine, sobject="Contact")
    (account,) = open_gaps(engine, sobject="Account")
    assert account.id == gap_id
    assert (contact.sobject, contact.from_timestamp) == ("Contact", account.from_timestamp)
    with pytest.raises(LedgerError, match="is one of Account"):
        changes.divide_gap(gap_id, ["Lead"])


def test_verbs_out_of_turn_are_refused(changes: ChangeLedger) -> None:
    with pytest.raises(LedgerError, match="has no gap"):
        changes.record_repair(uuid4(), run_id=None)
    gap_id = changes.open_gap(WINDOW)
    with pytest.raises(LedgerError, match="not being repaired"):
        changes.close_gap(gap_id, PROOF)
    with pytest.raises(LedgerError, match="name them"):
        changes.divide_gap(gap_id, [])
    changes.record_repair(gap_id, run_id=None)
    changes.close_gap(gap_id, PROOF)
    with pytest.raises(LedgerError, match="was closed"):
        changes.record_repair(gap_id, run_id=None)


def test_the_database_refuses_a_gap_that_is_closed_without_proof(
    changes: ChangeLedger, engine: Engine
) -> None:
    changes.open_gap(WINDOW)
    statement = text("UPDATE ledger.gap SET repair_state = 'closed', closed_at = now()")
    with pytest.raises(IntegrityError, match="gap_proven_check"), engine.begin() as connection:
        connection.execute(statement)
