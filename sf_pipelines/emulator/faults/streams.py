"""What faults do to change events: to one as it is stored, to a subscriber's stream.

Belongs here: which fault hits, counting events up to it. Not here: what an event's mark means (changes/),
gRPC. Imports book, marks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sf_pipelines.emulator.changes.marks import Mark
from sf_pipelines.emulator.faults.book import FaultBook, SetFault


@dataclass(frozen=True, kw_only=True, slots=True)
class EventFaults:
    """Says of each event what becomes of it."""

    book: FaultBook

    def __call__(self, sobject: str, change_type: str) -> Mark | None:
        """The mark of the first fault that hits."""
        marks: list[Mark] = []
        for entry in self.book.hit_by_event(sobject, change_type):
            self.book.strike(entry)
            marks.append(Mark(entry.fault.kind))
        return marks[0] if marks else None


@dataclass(kw_only=True, slots=True)
class StreamFaults:
    """The faults of one stream, those that are set while it is open too."""

    book: FaultBook
    topic: str
    sent: int = 0
    """Events that the stream got so far."""
    _seen: int = field(default=-1, init=False)
    _judged: set[str] = field(default_factory=set[str], init=False)
    _due: list[tuple[SetFault, int]] = field(default_factory=list[tuple[SetFault, int]], init=False)
    _struck: set[str] = field(default_factory=set[str], init=False)

    @property
    def has_news(self) -> bool:
        """True when a fault was set that hasn't been looked at."""
        return self._seen != self.book.additions

    def look(self) -> None:
        """Judge the faults that are new."""
        if self.has_news:
            self._seen = self.book.additions
            for entry in self.book.hit_by_stream(self.topic, self._judged):
                self._due.append((entry, self.sent + entry.fault.options.get("after_events", 0)))

    def room(self, wanted: int) -> int:
        """How many events can be sent before something happens."""
        ahead = [at - self.sent for entry, at in self._due if at > self.sent and not entry.is_removed]
        return min([wanted, *ahead])

    def due(self, *kinds: str) -> SetFault | None:
        """The fault of those kinds that holds now; it is counted the first time."""
        for entry, at in self._due:
            if entry.fault.kind in kinds and at <= self.sent and not entry.is_removed:
                if entry.fault.name not in self._struck:
                    self._struck.add(entry.fault.name)
                    self.book.strike(entry)
                return entry
        return None
