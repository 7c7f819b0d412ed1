"""The client of one org put together from its settings. Nothing is sent before the first use."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sf_pipelines.config.settings import PREFIX, SalesforceSettings, SettingsError
from sf_pipelines.policy.poll_schedule import PollSchedule
from sf_pipelines.rails.auth import Authenticator
from sf_pipelines.rails.bulk_ingest import BulkIngest
from sf_pipelines.rails.bulk_query import BulkQuery
from sf_pipelines.rails.meter import Meter
from sf_pipelines.rails.org import Org
from sf_pipelines.rails.polling import Poller
from sf_pipelines.rails.ports import SalesforceClient
from sf_pipelines.rails.pubsub import PubSub
from sf_pipelines.rails.rest import Rest
from sf_pipelines.rails.retries import ATTEMPTS, RetryPolicy
from sf_pipelines.rails.transport import Transport
from sf_pipelines.rails.urls import is_safe_url, site
from sf_pipelines.rails.wire import Wire


def connect(
    settings: SalesforceSettings,
    *,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    jitter: Callable[[], float] = random.random,
    schedule: PollSchedule | None = None,
    attempts: int = ATTEMPTS,
    longest_wait_seconds: float = math.inf,
) -> SalesforceClient:
    """The ports of the org over one pool of connections, safe for threads.

    Args:
        sleep: waits between attempts and polls, in seconds.
        now: our clock, used for the lifetime of JWT assertions only.
        jitter: 0 to 1, spreads the waits between attempts.
        attempts: of one request.
        longest_wait_seconds: for a connection or an answer, where somebody waits for it.

    Raises:
        SettingsError: the URL is neither https nor on this machine.
    """
    _check_url(settings.url)
    meter = Meter(monotonic)
    wire = Wire(meter, longest_wait_seconds=longest_wait_seconds)
    retries = RetryPolicy(sleep=sleep, jitter=jitter, attempts=attempts)
    transport = Transport(
        base_url=settings.url.rstrip("/"),
        api_version=settings.api_version,
        wire=wire,
        authenticator=Authenticator(settings, wire=wire, retries=retries, now=now),
        retries=retries,
        meter=meter,
    )
    poller = Poller(sleep=sleep, monotonic=monotonic, schedule=schedule or PollSchedule())
    return SalesforceClient(
        org=Org(transport),
        rest=Rest(transport),
        ingest=BulkIngest(transport, poller),
        queries=BulkQuery(transport, poller),
    )


def connect_changes(
    settings: SalesforceSettings,
    pubsub_url: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    jitter: Callable[[], float] = random.random,
) -> PubSub:
    """The change events of the org over one connection; close it at the end. The arguments are `connect`'s.

    Raises:
        SettingsError: one of both URLs is neither https nor on this machine.
    """
    _check_url(settings.url)
    authenticator = Authenticator(
        settings,
        wire=Wire(Meter(monotonic)),
        retries=RetryPolicy(sleep=sleep, jitter=jitter),
        now=now,
    )
    return PubSub(pubsub_url, authenticator, monotonic=monotonic)


def _check_url(url: str) -> None:
    if not is_safe_url(url):
        raise SettingsError(
            f"{PREFIX}SALESFORCE_URL is '{site(url)}': use the org's https address, "
            "or http for a host on this machine only."
        )
