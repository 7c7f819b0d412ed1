"""Keeping a pace: calls of a throttled run wait for their turn in the bucket that all such runs share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from sqlalchemy import Engine

from sf_pipelines.ledger.token_bucket import take
from sf_pipelines.model.headroom import DAILY_API_REQUESTS
from sf_pipelines.model.rail import Operation
from sf_pipelines.rails.ports import RecordPage, RestPort, SalesforceClient, WriteResponse
from sf_pipelines.workflows.promises import Promises


class PacedRest:
    """Records over REST, no faster than the pace of the run. What makes one call only passes as it is."""

    def __init__(
        self, rest: RestPort, promises: Promises, engine: Engine, sleep: Callable[[float], None]
    ) -> None:
        self._rest = rest
        self._promises = promises
        self._engine = engine
        self._sleep = sleep

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rest, name)

    def write(
        self, sobject: str, operation: Operation, records: Sequence[Mapping[str, Any]], **options: Any
    ) -> WriteResponse:
        """Write in one call, when it is due."""
        self._wait()
        return self._rest.write(sobject, operation, records, **options)

    def query(self, soql: str, **options: Any) -> Iterator[RecordPage]:
        """Pages, each when it is due."""
        pages = self._rest.query(soql, **options)
        while True:
            self._wait()
            page = next(pages, None)
            if page is None:
                return
            yield page

    def _wait(self) -> None:
        pace = self._promises.pace_calls_per_minute
        if pace is not None:
            seconds = take(self._engine, DAILY_API_REQUESTS, calls_per_minute=pace)
            if seconds > 0:
                self._sleep(seconds)


def paced(
    client: SalesforceClient,
    promises: Promises,
    engine: Engine,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> SalesforceClient:
    """The client whose REST calls keep the pace that a decision sets, if it sets one."""
    rest = cast("RestPort", PacedRest(client.rest, promises, engine, sleep))
    return replace(client, rest=rest)
