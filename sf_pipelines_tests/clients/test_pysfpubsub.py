"""pysfpubsub, as pip installs it, against the emulator: its own stubs and Avro reader, SOAP login, TLS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from sf_pipelines.emulator.server import EmulatorServer


def test_an_unmodified_pysfpubsub_reads_what_changed(org: EmulatorServer) -> None:
    core = org.surface.org
    [created] = core.create("Account", [{"Name": "Acme", "Industry": "Energy", "BillingStreet": "Main St"}])
    core.update("Account", [{"Id": created.id, "Industry": None, "BillingStreet": "Side St"}])
    core.delete("Account", [created.id or ""])

    topic, *events = _facts(org, wanted=3)

    assert topic == {"can_subscribe": True, "can_publish": False}
    headers = [event["ChangeEventHeader"] for event in events]
    assert [header["changeType"] for header in headers] == ["CREATE", "UPDATE", "DELETE"]
    assert {tuple(header["recordIds"]) for header in headers} == {(created.id,)}
    assert (events[0]["Name"], events[0]["Industry"]) == ("Acme", "Energy")
    assert headers[1]["nulledFields"] == ["0x0800"]
    assert "4-0x01" in headers[1]["changedFields"]
    assert events[1]["BillingAddress"]["Street"] == "Side St"


def _facts(org: EmulatorServer, *, wanted: int) -> list[dict[str, Any]]:
    given = org.credentials
    command = [
        sys.executable,
        "-m",
        "sf_pipelines_tests.clients.pubsub_peer",
        json.dumps(given.as_dict()),
        str(wanted),
    ]
    environment = {**os.environ, "REQUESTS_CA_BUNDLE": str(given.ca_file), "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
