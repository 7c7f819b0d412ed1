"""Which loads have failed rows worth sending again now: what the sensor `failed_record_retries` asks for.

Looks only; a run does the sending. A load is asked for at most once in `PAUSE`, so that an org that is down
is not knocked at every minute, and the source of a load is compared at most as often.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson
from sqlalchemy import Engine

from sf_pipelines.lake.errors import LakeError
from sf_pipelines.ledger.failure_queries import OpenRecord, load_runs, open_records, partitions_to_resend
from sf_pipelines.ledger.load_queries import unfinished_loads
from sf_pipelines.model.sync import LoadSync
from sf_pipelines.workflows.resend import changed_at_source

PAUSE = timedelta(minutes=15)
CURSOR_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryCursor:
    """What the sensor remembers between two looks.

    Attributes:
        fingerprint: of the open failures that were told last.
        looked_at: name of a load to when its source was compared, or a run was asked for.
    """

    fingerprint: str = ""
    looked_at: Mapping[str, datetime] = field(default_factory=dict[str, datetime])

    @classmethod
    def read(cls, text: str | None) -> RetryCursor:
        """A cursor as stored; an unknown one counts as none."""
        stored = orjson.loads(text) if text else {}
        if stored.get("version") != CURSOR_VERSION:
            return cls()
        looked_at = {name: datetime.fromisoformat(when) for name, when in stored["looked_at"].items()}
        return cls(fingerprint=stored["fingerprint"], looked_at=looked_at)

    def write(self) -> str:
        """The cursor as text."""
        looked_at = {name: when.isoformat() for name, when in self.looked_at.items()}
        stored = {"version": CURSOR_VERSION, "fingerprint": self.fingerprint, "looked_at": looked_at}
        return orjson.dumps(stored).decode()


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """A run that sends failed rows of a load again.

    Attributes:
        run_key: the same until the load was run once more.
    """

    sync: LoadSync
    partition_key: str
    rows_due: int
    rows_changed: int
    run_key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryLook:
    """What a look has found.

    Attributes:
        sentences: why loads with open records are not asked for.
        looked_at: as in the cursor, brought up to date.
    """

    retries: Sequence[Retry]
    sentences: Sequence[str]
    looked_at: Mapping[str, datetime]

    @property
    def why_none(self) -> str:
        """One text for the sensor's tick."""
        return " ".join(self.sentences) or "No failed record is open."


def look_for_retries(
    syncs: Iterable[LoadSync], engine: Engine, looked_at: Mapping[str, datetime], *, now: datetime
) -> RetryLook:
    """Look at every load with open records.

    Raises:
        LedgerError: the database cannot be reached.
    """
    retries: list[Retry] = []
    sentences: list[str] = []
    seen = dict(looked_at)
    for sync in syncs:
        records = open_records(engine, sync.name)
        if not records:
            continue
        why_not = _why_not_now(sync, records, engine, seen.get(sync.name), now)
        if why_not is not None:
            sentences.append(why_not)
            continue
        seen[sync.name] = now
        found = _look(sync, records, engine, now)
        if isinstance(found, Retry):
            retries.append(found)
        else:
            sentences.append(found)
    return RetryLook(retries=retries, sentences=sentences, looked_at=seen)


def _why_not_now(
    sync: LoadSync, records: Sequence[OpenRecord], engine: Engine, looked_at: datetime | None, now: datetime
) -> str | None:
    if unfinished_loads(engine, sync=sync.name):
        return f"{sync.name} is at work, its {len(records):,} open records wait for its end."
    if looked_at is not None and now < looked_at + PAUSE:
        again = f"{looked_at + PAUSE:%H:%M}Z"
        return f"{sync.name} has {len(records):,} open records and is looked at again at {again}."
    return None


def _look(sync: LoadSync, records: Sequence[OpenRecord], engine: Engine, now: datetime) -> Retry | str:
    due = sum(1 for item in records if item.next_attempt_at is not None and item.next_attempt_at <= now)
    try:
        changed = changed_at_source(sync, records, engine)
    except LakeError as error:
        return f"The source of {sync.name} cannot be compared: {error}"
    if not due and not changed.rows:
        what = f"Of {len(records):,} open records of {sync.name}"
        return f"{what} none is due and none has changed at the source{_next(records)}."
    partition = next((key for key in partitions_to_resend(engine, sync.name) if key is not None), None)
    if partition is None:
        return f"The open records of {sync.name} belong to no partition: run it by hand, scope 'retryable'."
    runs = load_runs(engine, sync=sync.name, partition_key=partition)
    return Retry(
        sync=sync,
        partition_key=partition,
        rows_due=due,
        rows_changed=changed.rows,
        run_key=f"{sync.name}:{partition}:attempt-{runs + 1}",
    )


def _next(records: Iterable[OpenRecord]) -> str:
    later = [item.next_attempt_at for item in records if item.next_attempt_at is not None]
    return f"; the next is due at {min(later):%Y-%m-%d %H:%M}Z" if later else ""
