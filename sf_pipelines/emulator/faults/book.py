"""The faults that are set, how often each one hit, and who is held by one.

Belongs here: adding, matching, counting, releasing. Not here: what a fault does. Imports clock, errors,
parse, rule.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.faults.kinds import Target
from sf_pipelines.emulator.faults.parse import read_fault
from sf_pipelines.emulator.faults.rule import Fault
from sf_pipelines.emulator.http.messages import json_error
from sf_pipelines.emulator.latency.waiting import wait_on_clock


class SetFault:
    """A fault that is set, with its counters. They change with the clock's condition held."""

    def __init__(self, fault: Fault) -> None:
        """Begin with nothing seen."""
        self.fault = fault
        self.random = Random(fault.seed)
        self.seen = 0
        self.hits = 0
        self.is_removed = False
        self._releases = 0

    def ticket(self) -> int:
        """What `is_released` is asked with, by who is held from now on."""
        return self._releases

    def is_released(self, ticket: int) -> bool:
        """True once those who were held may go on."""
        return self.is_removed or self._releases > ticket

    def release(self) -> None:
        """Let all who are held go on; the fault stays."""
        self._releases += 1

    def as_dict(self) -> dict[str, Any]:
        """As the control plane lists it."""
        fault = self.fault
        scope = {"method": fault.scope.method, "path": fault.scope.path, "object": fault.scope.sobject,
                 "operation": fault.scope.operation, "change": fault.scope.change,
                 "topic": fault.scope.topic}  # fmt: skip
        schedule = fault.schedule
        when = {"nth": schedule.nth, "every": schedule.every, "first": schedule.first,
                "probability": schedule.probability}  # fmt: skip
        given = {key: value for key, value in {**scope, **when}.items() if value is not None}
        moment = {"when": fault.when} if fault.target == "call" else {}
        head = {"name": fault.name, "kind": fault.kind}
        return {**head, **given, **moment, **fault.options, "seen": self.seen, "hits": self.hits}


class FaultBook:
    """All faults of the org. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        """Begin without any."""
        self._clock = clock
        self._faults: dict[str, SetFault] = {}
        self._numbers: dict[str, int] = {}
        self.additions = 0
        """How many faults were ever set."""
        self.generation = 0
        """Another number after every `clear`, which ends all waiting."""

    @property
    def is_empty(self) -> bool:
        """True while nothing can go wrong."""
        return not self._faults

    def add(self, body: Mapping[str, Any]) -> SetFault:
        """Set the fault that `body` asks for.

        Raises:
            SalesforceError: 400, the body is wrong or the name is taken.
        """
        with self._clock.changed:
            kind = str(body.get("kind"))
            number = self._numbers.get(kind, 0) + 1
            entry = SetFault(read_fault(body, name=f"{kind}-{number}"))
            if entry.fault.name in self._faults:
                raise json_error(
                    f"There is a fault {entry.fault.name} already: remove it, or take another name"
                )
            self._numbers[kind] = number
            self._faults[entry.fault.name] = entry
            self.additions += 1
        self._clock.wake()
        return entry

    def get(self, name: str) -> SetFault:
        """The fault of that name.

        Raises:
            SalesforceError: 404.
        """
        entry = self._faults.get(name)
        if entry is None:
            raise SalesforceError("NOT_FOUND", f"There is no fault {name}", status=404)
        return entry

    def all(self) -> list[SetFault]:
        """Every fault, in the order of setting."""
        return list(self._faults.values())

    def remove(self, name: str) -> None:
        """Take a fault away and let go whom it holds.

        Raises:
            SalesforceError: 404.
        """
        with self._clock.changed:
            self.get(name).is_removed = True
            del self._faults[name]
        self._clock.wake()

    def clear(self) -> None:
        """Take all away; names are given from 1 again."""
        with self._clock.changed:
            for entry in self._faults.values():
                entry.is_removed = True
            self._faults.clear()
            self._numbers.clear()
            self.generation += 1
        self._clock.wake()

    def release(self, name: str) -> SetFault:
        """Let go whom a fault holds; it stays.

        Raises:
            SalesforceError: 404.
        """
        with self._clock.changed:
            entry = self.get(name)
            entry.release()
        self._clock.wake()
        return entry

    async def has_hit(self, entry: SetFault, timeout_seconds: float) -> bool:
        """Wait until a fault has hit, or was removed; False when so much wall time went by first."""
        waiting = wait_on_clock(self._clock, lambda: entry.hits > 0 or entry.is_removed)
        try:
            await asyncio.wait_for(waiting, timeout_seconds)
        except TimeoutError:
            return False
        return entry.hits > 0

    def wait_hit(self, entry: SetFault, timeout_seconds: float) -> bool:
        """The same for a thread that may block."""
        with self._clock.changed:
            return self._clock.changed.wait_for(lambda: entry.hits > 0, timeout_seconds)

    def strike(self, entry: SetFault) -> None:
        """Note that a fault does now what it does."""
        with self._clock.changed:
            entry.hits += 1
        self._clock.wake()

    def hit_by_call(self, method: str, path: str) -> list[SetFault]:
        """The faults that are to hit this call."""
        return self._hit(lambda fault: fault.target == "call" and fault.scope.fits_call(method, path))

    def hit_by_job(self, sobject: str, operation: str) -> list[SetFault]:
        """The faults that are to hit this Bulk job."""
        return self._hit(lambda fault: fault.target == "job" and fault.scope.fits_job(sobject, operation))

    def hit_by_event(self, sobject: str, change: str) -> list[SetFault]:
        """The faults that are to hit this change event."""
        return self._hit(lambda fault: fault.target == "event" and fault.scope.fits_event(sobject, change))

    def has(self, target: Target) -> bool:
        """True while some fault hits things of that kind."""
        return any(entry.fault.target == target for entry in self.all())

    def hit_by_stream(self, topic: str, judged: set[str]) -> list[SetFault]:
        """The faults that are to hit this stream, each judged once: their names are added to `judged`."""

        def fits(fault: Fault) -> bool:
            is_new = fault.target == "stream" and fault.scope.fits_stream(topic) and fault.name not in judged
            if is_new:
                judged.add(fault.name)
            return is_new

        return self._hit(fits)

    def _hit(self, fits: Callable[[Fault], bool]) -> list[SetFault]:
        hit: list[SetFault] = []
        if not self._faults:
            return hit
        with self._clock.changed:
            for entry in self._faults.values():
                if fits(entry.fault):
                    entry.seen += 1
                    if entry.fault.schedule.hits(entry.seen, entry.random):
                        hit.append(entry)
        return hit
