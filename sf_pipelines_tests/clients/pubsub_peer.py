"""What an unmodified pysfpubsub does against the emulator, run as a program of its own.

Its stubs and ours register the same messages, and one process takes only one of them. It trusts what certifi
names when it is imported, so that is told to be the emulator's authority. Prints one JSON line an event.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import certifi


class _Enough(Exception):
    """As many events as were wanted."""


def main() -> None:
    """Log in by SOAP, look at the topic, and read events until there are enough of them."""
    org: dict[str, Any] = json.loads(sys.argv[1])
    wanted = int(sys.argv[2])
    certifi.where = lambda: org["ca_file"]
    from pysfpubsub import Client

    host, port = org["pubsub_address"].split(":")
    client = Client(
        url=org["tls_url"],
        username=org["username"],
        password=org["password"] + org["security_token"],
        grpc_host=host,
        grpc_port=int(port),
        api_version="62.0",
    )
    client.auth()
    topic = client.get_topic("/data/AccountChangeEvent")
    _tell({"can_subscribe": topic.can_subscribe, "can_publish": topic.can_publish})
    told = 0

    def tell(answer: Any, client: Client) -> None:
        nonlocal told
        for event in answer.events:
            schema = client.get_schema_json(event.event.schema_id)
            _tell(client.decode(schema, event.event.payload))
            told += 1
        if told >= wanted:
            raise _Enough

    try:
        client.subscribe("/data/AccountChangeEvent", "EARLIEST", b"", wanted, tell)
    except _Enough:
        return


def _tell(fact: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")


if __name__ == "__main__":
    main()
