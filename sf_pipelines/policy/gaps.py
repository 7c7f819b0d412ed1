"""Which gap an event, a refusal, a silence or a downtime opens. Pure.

A gap is opened where changes are missing, or may be. That a stream was cut and went on from its position
within the retention opens none.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sf_pipelines.config.limits import CHANGE_EVENT_RETENTION_HOURS
from sf_pipelines.model.change import (
    ChangeEvent,
    ChangeType,
    ReplayPosition,
    StreamedEvent,
    UndecodableEvent,
    sobject_of_channel,
)
from sf_pipelines.model.gap import Gap, GapCause

RETENTION = timedelta(hours=CHANGE_EVENT_RETENTION_HOURS)

WILDCARD = "*"
"""Ends a record id that stands for all records of its prefix [D CDCG]."""

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far our clock may be ahead of the org's: a window ends so much later."""


def gap_of_event(channel: str, event: StreamedEvent, *, since: datetime | None, now: datetime) -> Gap | None:
    """The gap that an event tells of, or opens by being unreadable.

    Args:
        since: commit time of the last event before it that could be read.
    """
    if isinstance(event, UndecodableEvent):
        return _undecodable(channel, event, since, now)
    if event.change_type is ChangeType.GAP_OVERFLOW:
        return _of_object(channel, event, GapCause.OVERFLOW, "more than 100,000 changes in one transaction")
    if any(record_id.endswith(WILDCARD) for record_id in event.record_ids):
        return _of_object(channel, event, GapCause.WILDCARD_IDS, "a change of all rows of the object at once")
    if event.change_type.is_gap:
        return _of_records(channel, event)
    return None


def gap_of_first_start(channel: str, now: datetime) -> Gap:
    """What a channel carried before it was ever subscribed to."""
    return Gap(
        channel=channel,
        sobject=sobject_of_channel(channel),
        cause=GapCause.FIRST_START,
        to_timestamp=now,
        detail=f"{channel} was never subscribed to: what changed before {_stamp(now)} is unknown.",
    )


def gap_of_downtime(
    channel: str, position: ReplayPosition, *, heard_at: datetime, now: datetime
) -> Gap | None:
    """The gap of a subscriber that comes back after the org has purged what it missed.

    Args:
        heard_at: when the position was last confirmed, by an event or by a keepalive.
    """
    if now - heard_at <= RETENTION:
        return None
    since = position.last_commit_timestamp or heard_at
    hours = (now - heard_at) / timedelta(hours=1)
    detail = (
        f"{channel} was not read for {hours:,.0f} hours, and events are kept for "
        f"{CHANGE_EVENT_RETENTION_HOURS}."
    )
    return _of_window(channel, GapCause.DOWNTIME, since, now, detail)


def gap_of_refused_position(channel: str, since: datetime | None, *, now: datetime, told: str) -> Gap:
    """The gap behind a replay id that the org takes no more; `told` is the org's own code or sentence."""
    detail = f"The org refused the stored replay id of {channel}: {told.removesuffix('.')}."
    return _of_window(channel, GapCause.REPLAY_ID_REFUSED, since, now, detail)


def gap_of_silence(channel: str, since: datetime | None, *, now: datetime, silent_seconds: float) -> Gap:
    """A stream that was open and told nothing, not even a keepalive."""
    detail = f"{channel} gave neither event nor keepalive for {silent_seconds:,.0f} seconds."
    return _of_window(channel, GapCause.SILENT_STREAM, since, now, detail)


def gap_of_spent_allocation(channel: str, since: datetime | None) -> Gap:
    """No event is delivered until the rolling 24 hours give some back; the gap grows until then."""
    detail = f"The org's delivery allocation is spent: {channel} gets no event until some of it comes back."
    return _of_window(channel, GapCause.ALLOCATION_SPENT, since, None, detail)


def _undecodable(channel: str, event: UndecodableEvent, since: datetime | None, now: datetime) -> Gap:
    detail = f"An event of {channel} could not be read: {event.reason}"
    gap = _of_window(channel, GapCause.UNDECODABLE_EVENT, since, now, detail)
    return replace(gap, sobject=event.sobject or gap.sobject, replay_id=event.replay_id)


def _of_object(channel: str, event: ChangeEvent, cause: GapCause, why: str) -> Gap:
    return Gap(
        channel=channel,
        sobject=event.sobject,
        cause=cause,
        to_timestamp=event.commit_timestamp,
        replay_id=event.replay_id,
        detail=f"The org told of {why}: {event.sobject} has to be read as a whole.",
    )


def _of_records(channel: str, event: ChangeEvent) -> Gap:
    return Gap(
        channel=channel,
        sobject=event.sobject,
        cause=GapCause.GAP_EVENT,
        from_timestamp=event.commit_timestamp,
        to_timestamp=event.commit_timestamp,
        record_ids=event.record_ids,
        replay_id=event.replay_id,
        detail=f"The org sent {event.change_type} for records of {event.sobject} without their values.",
    )


def _of_window(
    channel: str, cause: GapCause, since: datetime | None, until: datetime | None, detail: str
) -> Gap:
    end = None if until is None else until + CLOCK_TOLERANCE
    return Gap(
        channel=channel,
        sobject=sobject_of_channel(channel),
        cause=cause,
        from_timestamp=None if since is None else since - CLOCK_TOLERANCE,
        to_timestamp=end,
        detail=detail,
    )


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%SZ}"
