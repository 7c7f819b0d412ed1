"""Lets transactions last as long as the org's triggers take.

Belongs here: the one place where latency meets the org. Imports latency, org.
"""

from __future__ import annotations

from sf_pipelines.emulator.latency.profile import Latency
from sf_pipelines.emulator.org import Org


def let_transactions_last(org: Org, latency: Latency) -> None:
    """Follow the profile as it is now; call it again when the profile has changed."""
    org.transactions.duration = latency.transaction_seconds if latency.profile.has_triggers else None
