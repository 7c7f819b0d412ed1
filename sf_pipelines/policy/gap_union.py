"""Several gaps as one that covers them all. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from sf_pipelines.model.gap import Gap


def combined(gaps: Iterable[Gap]) -> list[Gap]:
    """One gap for each channel, object, cause and kind (records known or not), in the order of the first."""
    united_by_kind: dict[tuple[object, ...], Gap] = {}
    for gap in gaps:
        kind = (gap.channel, gap.sobject, gap.cause, gap.record_ids is None)
        known = united_by_kind.get(kind)
        united_by_kind[kind] = gap if known is None else united(known, gap)
    return list(united_by_kind.values())


def united(known: Gap, gap: Gap) -> Gap:
    """The newer gap widened by an earlier one of its kind; a bound that one of them lacks stays unknown."""
    return replace(
        gap,
        from_timestamp=_either(min, known.from_timestamp, gap.from_timestamp),
        to_timestamp=_either(max, known.to_timestamp, gap.to_timestamp),
        record_ids=_together(known.record_ids, gap.record_ids),
    )


def _either(
    which: Callable[[datetime, datetime], datetime], one: datetime | None, other: datetime | None
) -> datetime | None:
    return None if one is None or other is None else which(one, other)


def _together(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if one is None or other is None else tuple(dict.fromkeys((*one, *other)))
