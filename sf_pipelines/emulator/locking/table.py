"""Who holds which row of the org (section 10 of the wire contract).

Belongs here: taking, waiting and giving back exclusive row locks. Not here: which rows a write needs
(dml/row_locks.py), transactions (transactions.py). Imports the clock only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sf_pipelines.emulator.clock import Clock

# [D] section 10: up to about ten seconds, and nobody can tune it.
LOCK_WAIT_SECONDS = 10.0


class LockTable:
    """Exclusive locks by record id. Thread-safe; its state changes with the clock's condition held."""

    def __init__(self, clock: Clock) -> None:
        """Begin with no lock held."""
        self._clock = clock
        self._holders: dict[str, object] = {}

    @property
    def is_idle(self) -> bool:
        """True while nobody holds a lock."""
        return not self._holders

    def try_take(self, owner: object, ids: Iterable[str]) -> frozenset[str]:
        """Take those of `ids` that nobody else holds; the others, without waiting for them."""
        with self._clock.changed:
            return frozenset(id_ for id_ in ids if self._holders.setdefault(id_, owner) is not owner)

    def take(self, owner: object, ids: Iterable[str], is_over: Callable[[], bool]) -> frozenset[str]:
        """Take `ids`, waiting up to LOCK_WAIT_SECONDS in all; those that others still held at the end.

        Ids are taken in ascending order and a transaction calls this once, so two can't wait for each other.
        `is_over` ends the waiting early.
        """
        end = self._clock.after(LOCK_WAIT_SECONDS)
        denied: set[str] = set()
        for id_ in sorted(ids):
            self._clock.wait_for(lambda id_=id_: is_over() or self._is_held_by(owner, id_), end)
            denied |= self.try_take(owner, [id_])
        return frozenset(denied)

    def is_free(self, ids: Iterable[str]) -> bool:
        """True when nobody holds any of `ids`."""
        with self._clock.changed:
            return self._holders.keys().isdisjoint(ids)

    def release(self, owner: object) -> None:
        """Give all of `owner` back."""
        with self._clock.changed:
            self._holders = {id_: one for id_, one in self._holders.items() if one is not owner}
        self._clock.wake()

    def held_ids(self) -> tuple[str, ...]:
        """Every locked id, ascending."""
        with self._clock.changed:
            return tuple(sorted(self._holders))

    def _is_held_by(self, owner: object, id_: str) -> bool:
        with self._clock.changed:
            return self._holders.setdefault(id_, owner) is owner
