"""The `Sforce-*` request headers that any resource may have ([D] section 3.7).

Belongs here: reading them. `Sforce-Auto-Assign` is accepted without effect, because the org has no assignment
rules. Not here: `Sforce-Query-Options` (query.py). Imports nothing of the emulator.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

CALL_OPTIONS = "sforce-call-options"
_CLIENT = re.compile(r"(?:^|[,;])\s*client\s*=\s*([^,;]+)", re.IGNORECASE)
_MRU = re.compile(r"\bupdateMru\s*=\s*(\w+)", re.ASCII | re.IGNORECASE)


def client_name(headers: Mapping[str, str]) -> str | None:
    """The client of `Sforce-Call-Options: client=MyApp, defaultNamespace=ns`; None when it tells none."""
    found = _CLIENT.search(headers.get(CALL_OPTIONS, ""))
    return (found[1].strip() or None) if found else None


def updates_recent_items(headers: Mapping[str, str]) -> bool:
    """False for `Sforce-Mru: updateMru=false`; row calls update the recent items by default ([D] RESTG)."""
    found = _MRU.search(headers.get("sforce-mru", ""))
    return found is None or found[1].lower() != "false"
