"""`sf-pipelines subscribe`: change events from the org into the ledger, one thread for each channel."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from threading import Event, Thread
from typing import Any
from uuid import uuid4

from rich.table import Table

from sf_pipelines.config.settings import load_settings
from sf_pipelines.ledger.change_verbs import ChangeLedger
from sf_pipelines.local.processes import stopped_by_signals
from sf_pipelines.model.change import sobject_of_channel
from sf_pipelines.rails.client import connect_changes
from sf_pipelines.resources.pipelines import open_ledger
from sf_pipelines.workflows.merge_service import merge_as_stored
from sf_pipelines.workflows.subscribe import Subscriber
from sf_pipelines.workflows.subscribe_tools import SubscriberFigures, SubscribeTools

LOOK_SECONDS = 0.5


def run_subscribe(
    channels: Sequence[str], merged: Sequence[str] = (), *, tell: Callable[[str], None]
) -> tuple[dict[str, Any], Table]:
    """Subscribe until SIGINT or SIGTERM, or until one channel cannot go on; what was stored, twice.

    Args:
        channels: those of the settings where none is given.
        merged: objects whose events are merged into the warehouse as they come.

    Raises:
        SettingsError, LedgerError: nothing was begun.
        SalesforceError: the org refuses a channel in a way that only a person can mend; the others were
            stopped, and have stored what had arrived.
    """
    settings = load_settings()
    salesforce = settings.require_salesforce()
    with (
        open_ledger(settings) as engine,
        connect_changes(salesforce, settings.changes.pubsub_url) as pubsub,
        stopped_by_signals() as stop,
    ):
        tools = SubscribeTools(
            pubsub=pubsub,
            ledger=ChangeLedger(engine),
            engine=engine,
            settings=settings.changes,
            holder=f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}",
            stop=stop,
            tell=tell,
        )
        read = channels or settings.changes.channels
        with _merging({name: _channel_of(name, read) for name in merged}, tools):
            figures = subscribe_all(read, tools)
    return {"channels": [asdict(item) for item in figures]}, _table(figures)


def subscribe_all(channels: Sequence[str], tools: SubscribeTools) -> list[SubscriberFigures]:
    """One thread for each channel; an error of one of them stops all, since nobody looks at threads.

    Raises:
        Exception: the first error of a channel.
    """
    subscribers = [Subscriber(channel, tools) for channel in channels]
    errors: list[Exception] = []
    threads = [Thread(target=_run, args=(item, tools.stop, errors), daemon=True) for item in subscribers]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(LOOK_SECONDS)  # bounded, so that the main thread hears signals
    if errors:
        raise errors[0]
    return [subscriber.figures for subscriber in subscribers]


@contextmanager
def _merging(channels: Mapping[str, str], tools: SubscribeTools) -> Generator[None]:
    """Merge in a thread of its own until the end of the block, which an error of it ends.

    Raises:
        Exception: the error of the merge.
    """
    errors: list[Exception] = []

    def merge() -> None:
        try:
            merge_as_stored(tools.engine, channels, tools.stop, tell=tools.tell)
        except Exception as error:  # noqa: BLE001 - raised again by the main thread
            errors.append(error)
            tools.stop.set()

    thread = Thread(target=merge, daemon=True)
    if channels:
        thread.start()
    try:
        yield
    finally:
        tools.stop.set()
        if channels:
            thread.join()
    if errors:
        raise errors[0]


def _channel_of(sobject: str, channels: Sequence[str]) -> str:
    """The channel of the object alone, or else one that carries several."""
    by_object = {sobject_of_channel(channel): channel for channel in reversed(channels)}
    return by_object.get(sobject) or by_object.get(None) or channels[0]


def _run(subscriber: Subscriber, stop: Event, errors: list[Exception]) -> None:
    try:
        subscriber.run()
    except Exception as error:  # noqa: BLE001 - raised again by the main thread
        errors.append(error)
        stop.set()


def _table(figures: Sequence[SubscriberFigures]) -> Table:
    table = Table("Channel", title="Stored by this subscriber")
    for name in ("Events", "Unreadable", "Gaps", "Starts", "Reconnects"):
        table.add_column(name, justify="right")
    for item in figures:
        numbers = (item.events, item.unreadable, item.gaps, item.starts, item.reconnects)
        table.add_row(item.channel, *(f"{number:,}" for number in numbers))
    return table
