"""What one extract is cut into, and how its reading can stand still."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sf_pipelines.model.slice import Window


@dataclass(frozen=True, kw_only=True, slots=True)
class IdRange:
    """A half-open range of Ids in the order of their characters, 15 of them; None is no bound."""

    start: str | None
    end: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Rows that are read together: those changed in a window, of a range of Ids where that is too many.

    Attributes:
        rows: as the org counted them before they are read.
    """

    window: Window
    rows: int
    ids: IdRange | None = None


class ReadTrouble(StrEnum):
    """Why a window stays red; each is named in the ledger and in the message of the run."""

    QUERY_JOB_FAILED = "query_job_failed"
    PAGE_CUT = "page_cut"
    PAGE_COUNT_DISAGREES = "page_count_disagrees"
    JOB_COUNT_DISAGREES = "job_count_disagrees"
    LOCATOR_EXPIRED = "locator_expired"
    VERSION_MISMATCH = "version_mismatch"
    SESSION_EXPIRED = "session_expired"
    NO_SYSTEM_MODSTAMP = "no_system_modstamp"
    FIELD_NOT_READABLE = "field_not_readable"
    VALUE_NOT_OF_ITS_TYPE = "value_not_of_its_type"
    ORG_REFUSED = "org_refused"
    ORG_UNREACHABLE = "org_unreachable"


TROUBLES_OF_A_RAIL = frozenset(
    {
        ReadTrouble.QUERY_JOB_FAILED,
        ReadTrouble.PAGE_CUT,
        ReadTrouble.PAGE_COUNT_DISAGREES,
        ReadTrouble.JOB_COUNT_DISAGREES,
        ReadTrouble.LOCATOR_EXPIRED,
        ReadTrouble.ORG_UNREACHABLE,
    }
)
"""Troubles that speak against the rail that carried the rows; any other rail would have met the rest too."""
