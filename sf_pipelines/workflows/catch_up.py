"""Nights that an extract has missed, by the ledger: which to ask for now, and which wait for a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Engine

from sf_pipelines.ledger.extract_book import ExtractBook
from sf_pipelines.ledger.locks import is_busy
from sf_pipelines.policy.catch_up import first_stretch, missed_days

DUE_AFTER = timedelta(hours=6)
"""How long after a night its schedule has had its turn, and `rail_router`, which asks for the last night."""

MOST_ATTEMPTS = 3
"""Runs that may fail on the same nights before a person has to look at them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MissedNights:
    """Nights of one sync that follow each other, to be read by one run.

    Attributes:
        attempt: number of the run that would read them, for the key of its run request.
        missed: all missed nights of the sync, these included.
    """

    sync: str
    first: date
    last: date
    attempt: int
    missed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CatchUp:
    """What to ask for, and a sentence for each sync that is left alone although nights are missing."""

    requests: tuple[MissedNights, ...]
    waiting: tuple[str, ...]


def look_for_missed_nights(engine: Engine, syncs: Iterable[str], now: datetime) -> CatchUp:
    """The earliest stretch of missed nights of each sync that nobody works on.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    requests: list[MissedNights] = []
    waiting: list[str] = []
    book = ExtractBook(engine)
    for sync in sorted(syncs):
        days = missed_days(book.windows_read(sync), due_before=now - DUE_AFTER)
        stretch = first_stretch(days)
        if stretch is None:
            continue
        first, last = stretch
        attempts = book.runs_begun_in(sync, first)
        told = f"{sync} lacks {len(days)} nights from {first} on"
        if is_busy(engine, sync):
            waiting.append(f"{told}, and a run works on the sync.")
        elif attempts >= MOST_ATTEMPTS:
            waiting.append(f"{told}; {attempts} runs have failed on them, so look at the last one's error.")
        else:
            requests.append(
                MissedNights(sync=sync, first=first, last=last, attempt=attempts + 1, missed=len(days))
            )
    return CatchUp(requests=tuple(requests), waiting=tuple(waiting))
