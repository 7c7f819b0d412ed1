"""A modelled org: quotas of a rolling day, used by our jobs and by others, minute by minute."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from sf_pipelines.model.headroom import (
    DAILY_API_REQUESTS,
    DAILY_BULK_BATCHES,
    DAILY_BULK_QUERY_JOBS,
    DAILY_BULK_QUERY_STORAGE_MB,
)
from sf_pipelines.workflows.simulation.workload import API_CALLS_A_DAY, DAY_MINUTES

MAXIMA: Mapping[str, int] = {
    DAILY_API_REQUESTS: API_CALLS_A_DAY,
    DAILY_BULK_BATCHES: 15_000,
    DAILY_BULK_QUERY_JOBS: 10_000,
    DAILY_BULK_QUERY_STORAGE_MB: 976_562,
}


class ModelOrg:
    """The quotas of one org. Time only goes forward, a minute at a time."""

    def __init__(self, others: npt.NDArray[np.float64]) -> None:
        self._others = others
        self._by_minute = {name: np.zeros(others.size) for name in MAXIMA}
        self._used = dict.fromkeys(MAXIMA, 0.0)
        self.minute = -1
        self.calls_used = 0
        self.refusals = 0

    def advance(self) -> None:
        """One minute on: what is a day old rolls out, and the others use what they can."""
        self.minute += 1
        for name, used in self._by_minute.items():
            if self.minute >= DAY_MINUTES:
                self._used[name] -= used[self.minute - DAY_MINUTES]
        wish = int(self._others[self.minute])
        self._count(DAILY_API_REQUESTS, min(wish, self.remaining(DAILY_API_REQUESTS)))

    def remaining(self, budget: str) -> int:
        """Units left now."""
        return int(MAXIMA[budget] - self._used[budget])

    def spend(self, units: Mapping[str, int]) -> bool:
        """Use units of several quotas, all or nothing; a refusal is counted, as the overrun that it is."""
        if any(used > self.remaining(name) for name, used in units.items()):
            self.refusals += 1
            return False
        for name, used in units.items():
            self._count(name, used)
        self.calls_used += units.get(DAILY_API_REQUESTS, 0)
        return True

    def _count(self, budget: str, units: int) -> None:
        self._used[budget] += units
        self._by_minute[budget][self.minute] += units
