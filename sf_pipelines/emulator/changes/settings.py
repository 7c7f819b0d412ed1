"""What a test may want otherwise of an org's change events.

Belongs here: the figures and their defaults. Imports nothing of the emulator.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(kw_only=True, slots=True)
class ChangeSettings:
    """Figures of the event bus. Mutable: the control plane sets them while the org runs."""

    retention_hours: float = 72.0
    """[D] section 7.4: how long an event can be read again."""
    overflow_changes: int = 100_000
    """[D] section 7.4: a transaction with more changes overflows."""
    keepalive_seconds: float = 270.0
    """[D] section 8: a waiting subscriber hears of the stream at least that often, on the org's clock."""
    idle_seconds: float = 60.0
    """[D] section 8: a subscriber that wants no more events is let go after that, on the org's clock."""
    event_bytes: int = 1_000_000
    """[D] section 7.4: a larger event is told as a gap ([I] that a megabyte is decimal)."""
    diff_text_chars: int = 1_000
    """[D] section 7.2: a changed text of that length or more is told as a diff."""

    def take(self, other: ChangeSettings) -> None:
        """Be as `other`."""
        for one in fields(other):
            setattr(self, one.name, getattr(other, one.name))
