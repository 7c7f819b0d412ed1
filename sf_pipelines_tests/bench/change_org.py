"""The emulated org of the bench of change events, in a process of its own: no daily allocation ends it."""

from __future__ import annotations

import json
import sys

from sf_pipelines.emulator.server import EmulatorServer

EVENTS_A_DAY = 100_000_000


def main() -> None:
    """Serve until standard input ends, after one line of JSON that says where."""
    limits = {"DailyDeliveredPlatformEvents": EVENTS_A_DAY, "DailyApiRequests": EVENTS_A_DAY}
    with EmulatorServer(pubsub_port=0, change_entities=("Account",), limits=limits) as server:
        org = server.credentials
        told = {
            "url": org.url,
            "client_id": org.client_id,
            "client_secret": org.client_secret,
            "pubsub_url": f"http://{org.pubsub_address}",
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
