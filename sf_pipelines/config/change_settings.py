"""Where change events come from and where a stream begins: the part of the settings that `subscribe` reads.

Read by `settings.load_settings`; opens nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DEFAULT_PUBSUB_URL = "https://api.pubsub.salesforce.com:443"
"""The Pub/Sub API of all orgs but those that must stay in one region [D PSG]."""

DEFAULT_CHANNELS = ("/data/ChangeEvents",)
"""The channel that carries every selected object [D CDCG]."""


class StartFrom(StrEnum):
    """Where a stream begins that has no position to go on from."""

    EARLIEST = "earliest"
    LATEST = "latest"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeSettings:
    """The change streams of one org.

    Attributes:
        pubsub_url: https, or http for a host on this machine.
        channels: one stream each.
        first_start: of a channel that was never read; what came before is a gap, repaired by a snapshot.
        restart: of a channel whose stored position the org takes no more; what was missed is a gap.
    """

    pubsub_url: str = DEFAULT_PUBSUB_URL
    channels: tuple[str, ...] = DEFAULT_CHANNELS
    first_start: StartFrom = StartFrom.LATEST
    restart: StartFrom = StartFrom.EARLIEST
