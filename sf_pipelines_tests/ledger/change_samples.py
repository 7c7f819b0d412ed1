"""Change events for tests of what stores and reads them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sf_pipelines.model.change import ChangeEvent, ChangeType, UndecodableEvent
from sf_pipelines_tests.ledger.samples import NOON

CHANNEL = "/data/AccountChangeEvent"
HOLDER = "worker-1"


def change(number: int, *, transaction: str = "t-1", **more: Any) -> ChangeEvent:
    event = ChangeEvent(
        replay_id=number.to_bytes(8),
        event_id=f"event-{number}",
        schema_id="schema-1",
        sobject="Account",
        change_type=ChangeType.UPDATE,
        change_origin="com/salesforce/api/rest/66.0;client=tests",
        transaction_key=transaction,
        sequence_number=number,
        commit_timestamp=NOON + timedelta(milliseconds=number),
        commit_number=1_000 + number,
        commit_user="005000000000001AAA",
        record_ids=("001000000000001AAA",),
        changed_fields=("Name", "LastModifiedDate"),
        nulled_fields=("Site",),
        values={"Name": f"Acme {number}", "Site": None, "AnnualRevenue": 1.5},
    )
    return replace(event, **more)


def undecodable(number: int) -> UndecodableEvent:
    return UndecodableEvent(
        replay_id=number.to_bytes(8),
        event_id=f"event-{number}",
        schema_id="schema-9",
        sobject=None,
        payload=b"\x00\x01\xff",
        reason="The org knows no schema schema-9.",
    )
