"""Where change events come from and where a stream begins: the part of the settings that `subscribe` reads.

Read by `settings.load_settings`; opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sf_pipelines.config.environment import PREFIX, SettingsError, read, web_address, word

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


def load_changes(values: Mapping[str, str]) -> ChangeSettings:
    """Read the settings of change streams.

    Raises:
        SettingsError: a channel, an address or a start cannot be understood.
    """
    named = (read(values, "CHANNELS") or ",".join(DEFAULT_CHANNELS)).split(",")
    channels = tuple(dict.fromkeys(name.strip() for name in named if name.strip()))
    strangers = [name for name in channels if not name.startswith("/data/")]
    if strangers or not channels:
        raise SettingsError(
            f"{PREFIX}CHANNELS names '{', '.join(strangers)}': set it to channels such as "
            "/data/ChangeEvents or /data/AccountChangeEvent, with commas between them."
        )
    has_url = read(values, "PUBSUB_URL") is not None
    return ChangeSettings(
        pubsub_url=web_address(values, "PUBSUB_URL") if has_url else DEFAULT_PUBSUB_URL,
        channels=channels,
        first_start=word(values, "CHANGES_FIRST_START", StartFrom.LATEST),
        restart=word(values, "CHANGES_RESTART", StartFrom.EARLIEST),
    )
