"""`python -m sf_pipelines_tests.bench.served_events --events 200000`: the emulator serves one subscriber.

The emulator is a process of its own, whose CPU seconds are read from outside; the subscriber only counts.
Half of the events are creates, half are updates of three fields. Our own subscriber has no part in it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection
from queue import SimpleQueue
from time import perf_counter
from typing import Any

import grpc
import psutil
from rich.console import Console

from sf_pipelines.emulator.limits import DELIVERED_EVENTS
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.wire import pubsub_api_pb2 as wire
from sf_pipelines.wire import pubsub_api_pb2_grpc as stubs

TOPIC = "/data/ChangeEvents"
ROWS_AT_ONCE = 10_000
OUTSTANDING = 100


def main() -> None:
    """Fill an org, then read its stream from the beginning."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    events: int = parser.parse_args().events
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, events // 2))
    process.start()
    org = json.loads(ours.recv())
    emulator = psutil.Process(process.pid)
    cpu_before, began = sum(emulator.cpu_times()[:2]), perf_counter()
    read = sum(_answers(org, events))
    seconds, cpu_seconds = perf_counter() - began, sum(emulator.cpu_times()[:2]) - cpu_before
    ours.send("done")
    process.join()
    Console().print(
        f"{read:,} events in {seconds:.1f} s: {read / seconds:,.0f} a second; the emulator's CPU "
        f"{cpu_seconds:.1f} s, {read / cpu_seconds:,.0f} events for each second of one core"
    )


def _serve(wanted: Connection, records: int) -> None:
    with EmulatorServer(pubsub_port=0, limits={DELIVERED_EVENTS: 10**9}) as server:
        org = server.surface.org
        for start in range(0, records, ROWS_AT_ONCE):
            made = org.create("Account", [_record(number) for number in range(start, start + ROWS_AT_ONCE)])
            org.update(
                "Account",
                [{"Id": one.id, "Phone": f"{at}", "Industry": "Media", "NumberOfEmployees": at}
                 for at, one in enumerate(made)],
            )  # fmt: skip
        wanted.send(json.dumps({**server.credentials.as_dict(), "org_id": org.org_id}))
        wanted.recv()


def _record(number: int) -> dict[str, Any]:
    return {
        "Name": f"Company {number}",
        "Industry": "Energy",
        "AnnualRevenue": number + 0.5,
        "BillingCity": "Bern",
        "Phone": "+1 555 0100",
        "External_Id__c": f"B-{number:09d}",
    }


def _answers(org: dict[str, Any], wanted: int) -> Iterator[int]:
    """How many events each answer had, until there are enough."""
    requests: SimpleQueue[wire.FetchRequest | None] = SimpleQueue()
    requests.put(wire.FetchRequest(topic_name=TOPIC, replay_preset=wire.EARLIEST, num_requested=OUTSTANDING))
    login = (
        ("accesstoken", org["access_token"]),
        ("instanceurl", org["url"]),
        ("tenantid", org["org_id"]),
    )
    with grpc.insecure_channel(org["pubsub_address"]) as channel:
        call: Any = stubs.PubSubStub(channel).Subscribe(iter(requests.get, None), metadata=login)
        for answer in call:
            count = len(answer.events)
            yield count
            wanted -= count
            if wanted <= 0:
                break
            requests.put(wire.FetchRequest(topic_name=TOPIC, num_requested=count))
        requests.put(None)
        call.cancel()


if __name__ == "__main__":
    main()
