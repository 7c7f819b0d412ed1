"""Managed subscriptions: the org keeps the place of each of them.

Belongs here: which there are, what they committed. Not here: gRPC. Imports channels, errors, log, store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sf_pipelines.emulator.changes.channels import ChannelBook
from sf_pipelines.emulator.changes.log import EventLog
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.ids import IdFactory
from sf_pipelines.emulator.store import Store, quoted

Replay = Literal["LATEST", "EARLIEST"]
State = Literal["RUN", "STOP"]
# [D] section 8.
MAX_SUBSCRIPTIONS = 200
_KEY_PREFIX = "18x"
_TABLE = '"event$subscription"'


@dataclass(frozen=True, kw_only=True, slots=True)
class ManagedSubscription:
    """One managed subscription; its keys are those of ManagedEventSubscription in Salesforce's metadata."""

    id: str
    developer_name: str
    topic: str
    default_replay: Replay
    """Where it begins before anything is committed."""
    error_recovery_replay: Replay
    """Where it begins when what was committed is no longer kept."""
    state: State
    committed: bytes | None = None
    """The replay id that was committed last."""


class SubscriptionBook:
    """The managed subscriptions of one org, kept with it."""

    def __init__(self, store: Store, ids: IdFactory, channels: ChannelBook, log: EventLog) -> None:
        """Find those that the org has."""
        self._store = store
        self._ids = ids
        self._channels = channels
        self._log = log
        names = ", ".join(map(quoted, ManagedSubscription.__slots__))
        store.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE} ({names})")

    def all(self) -> list[ManagedSubscription]:
        """Every one of them, by name."""
        names = ManagedSubscription.__slots__
        select = f"SELECT {', '.join(map(quoted, names))} FROM {_TABLE} ORDER BY developer_name"
        return [
            ManagedSubscription(**dict(zip(names, row, strict=True))) for row in self._store.execute(select)
        ]

    def find(self, name: str) -> ManagedSubscription | None:
        """The one of that id or developer name; None when there is none."""
        return next((one for one in self.all() if name in (one.id, one.developer_name)), None)

    def put(
        self,
        developer_name: str,
        topic: str,
        default_replay: str = "LATEST",
        error_recovery_replay: str = "LATEST",
        state: str = "RUN",
    ) -> ManagedSubscription:
        """Make one, or change the one of that name; what it committed stays.

        Raises:
            SalesforceError: a word is wrong, the topic is unknown, or there are too many.
        """
        known = self.find(developer_name)
        if self._channels.members(topic) is None:
            raise SalesforceError("INVALID_INPUT", f"There is no topic {topic}")
        if known is None and len(self.all()) >= MAX_SUBSCRIPTIONS:
            raise SalesforceError(
                "INVALID_INPUT", f"An org has at most {MAX_SUBSCRIPTIONS} managed subscriptions"
            )
        wanted = ManagedSubscription(
            id=known.id if known else self._ids.next(_KEY_PREFIX),
            developer_name=developer_name,
            topic=topic,
            default_replay=_replay(default_replay),
            error_recovery_replay=_replay(error_recovery_replay),
            state=_state(state),
            committed=known.committed if known else None,
        )
        values: Sequence[str | bytes | None] = [getattr(wanted, name) for name in wanted.__slots__]
        with self._store.transaction():
            self.drop(developer_name)
            self._store.execute(f"INSERT INTO {_TABLE} VALUES ({','.join('?' * len(values))})", values)
        return wanted

    def drop(self, developer_name: str) -> None:
        """Remove one; no error when there is none."""
        self._store.execute(f'DELETE FROM {_TABLE} WHERE "developer_name" = ?', (developer_name,))

    def commit(self, subscription: ManagedSubscription, replay_id: bytes) -> None:
        """Keep its place.

        Raises:
            ValueError: the id is unknown or no longer kept.
        """
        self._log.place_of(replay_id)
        self._store.execute(
            f'UPDATE {_TABLE} SET "committed" = ? WHERE "id" = ?', (replay_id, subscription.id)
        )

    def place_of(self, subscription: ManagedSubscription) -> int:
        """Where a new stream of it begins."""
        if subscription.committed is None:
            return self._at(subscription.default_replay)
        try:
            return self._log.place_of(subscription.committed)
        except ValueError:
            return self._at(subscription.error_recovery_replay)

    def clear(self) -> None:
        """Remove them all."""
        self._store.execute(f"DELETE FROM {_TABLE}")

    def _at(self, replay: Replay) -> int:
        return self._log.beginning if replay == "EARLIEST" else self._log.end


def _replay(word: str) -> Replay:
    for known in get_args(Replay):
        if word == known:
            return known
    raise SalesforceError("INVALID_INPUT", f"A replay is LATEST or EARLIEST, not {word!r}")


def _state(word: str) -> State:
    for known in get_args(State):
        if word == known:
            return known
    raise SalesforceError("INVALID_INPUT", f"A state is RUN or STOP, not {word!r}")
