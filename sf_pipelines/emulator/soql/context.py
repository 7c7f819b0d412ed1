"""What every part of one query's compilation must know.

Belongs here: facts that hold for the whole query. Not here: names (scope.py), meaning (compiler.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sf_pipelines.emulator.schema.model import OrgSchema


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryContext:
    """The org, the text and the moment of one query."""

    schema: OrgSchema
    soql: str
    now: datetime
    user_id: str
    """Whose records USING SCOPE mine means."""
    include_deleted: bool
