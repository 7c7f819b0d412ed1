"""What every answer tells on the side: API calls used, and the org's clock.

Holds no connection and sends nothing. Shared by the threads of one client.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from sf_pipelines.rails.ports import ApiUsage

UNMETERED_PATHS = frozenset({"/services/data", "/services/data/"})
"""The list of versions costs no call [D RESTG]; nor does OAuth, which stands outside /services/data [I]."""

CLOCK_READING_LASTS_SECONDS = 60.0
"""How long the org's clock is carried on by our own before an answer is asked for it."""

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")


class Meter:
    """Calls sent, usage told, and the org's time as of the newest answer."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._calls_made = 0
        self._usage: ApiUsage | None = None
        self._clock: tuple[datetime, float] | None = None

    @property
    def calls_made(self) -> int:
        """Metered requests sent, repeated ones included."""
        return self._calls_made

    @property
    def api_usage(self) -> ApiUsage | None:
        """The newest `Sforce-Limit-Info`."""
        return self._usage

    def count(self, path: str) -> None:
        """Note a request that reached the org, or may have."""
        if path.startswith("/services/data/") and path not in UNMETERED_PATHS:
            with self._lock:
                self._calls_made += 1

    def observe(self, headers: Mapping[str, str]) -> None:
        """Read the headers of an answer, whatever its status."""
        usage = _USAGE.search(headers.get("Sforce-Limit-Info", ""))
        date = _http_date(headers.get("Date"))
        with self._lock:
            if usage is not None:
                self._usage = ApiUsage(used=int(usage.group(1)), maximum=int(usage.group(2)))
            if date is not None:
                self._clock = (date, self._monotonic())

    def org_time(self) -> datetime | None:
        """The org's clock, None where no answer is recent enough.

        `Date` has whole seconds and is older than its arrival, so this is never ahead of the org.
        """
        if self._clock is None:
            return None
        date, read_at = self._clock
        age_seconds = self._monotonic() - read_at
        if age_seconds > CLOCK_READING_LASTS_SECONDS:
            return None
        return date + timedelta(seconds=age_seconds)


def _http_date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return date if date is not None and date.tzinfo is not None else None
