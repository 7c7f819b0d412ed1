"""What a rail learns about an extract while its batches are consumed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(kw_only=True, slots=True)
class ReadLog:
    """The org's own count of the rows, and the jobs that carried them; filled as batches are read."""

    reported: int = 0
    job_ids: list[str] = field(default_factory=list[str])
