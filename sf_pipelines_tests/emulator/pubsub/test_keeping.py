"""What of the stream outlives time, restarts and snapshots."""

from __future__ import annotations

from pathlib import Path

import pytest

from sf_pipelines.emulator.changes.channels import DEFAULT_SELECTION
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.wire import pubsub_api_pb2 as wire
from sf_pipelines_tests.emulator.core.helpers import add
from sf_pipelines_tests.emulator.pubsub.support import Client


def _open(path: Path, clock: Clock) -> Org:
    return Org(schema=load_schema(), clock=clock, path=str(path), change_entities=DEFAULT_SELECTION)


def _names(org: Org, place: int) -> list[str]:
    page = org.changes.log.read(place, frozenset({"Account"}), 100)
    return [event.image[0] for event in page.events if event.image]


def test_earliest_tells_nothing_older_than_72_hours(org: Org, client: Client, clock: Clock) -> None:
    add(org, "Account", Name="old")
    clock.advance(72 * 3600 + 1)
    add(org, "Account", Name="new")
    assert [event["Name"] for event in client.read(1)] == ["new"]


def test_what_is_too_old_is_forgotten_although_nobody_reads(org: Org, clock: Clock) -> None:
    add(org, "Account", Name="old")
    clock.advance(72 * 3600 + 1)
    add(org, "Account", Name="new")
    assert _names(org, 0) == ["new"]


def test_a_replay_id_outlives_a_restart_of_an_org_that_is_kept(tmp_path: Path, clock: Clock) -> None:
    org = _open(tmp_path / "org.sqlite", clock)
    add(org, "Account", Name="a")
    replay_id = org.changes.log.replay_id(org.changes.log.end)
    add(org, "Account", Name="b")
    org.close()
    again = _open(tmp_path / "org.sqlite", clock)
    add(again, "Account", Name="c")
    assert _names(again, again.changes.log.place_of(replay_id)) == ["b", "c"]
    again.close()


def test_a_restored_snapshot_begins_another_stream_with_the_schemas_of_the_old_one(
    org: Org, client: Client, server: EmulatorServer
) -> None:
    server.surface.snapshots.take("before")
    account = add(org, "Account", Name="a")
    org.extend_schema({"Account": {"fields": {"Tier__c": {"type": "text"}}}})
    org.update("Account", [{"Id": account, "Tier__c": "gold"}])
    with client.subscribe() as stream:
        old = stream.events(2)[-1]
    server.surface.snapshots.restore("before")
    assert org.query("SELECT Id FROM Account").total_size == 0
    with pytest.raises(ValueError, match="reset"):
        org.changes.log.place_of(old.replay_id)
    assert "Tier__c" in {field["name"] for field in client.schema(old.event.schema_id)["fields"]}
    add(org, "Account", Name="b")
    with client.subscribe(preset=wire.EARLIEST) as stream:
        assert client.decode(stream.events(1)[0])["Name"] == "b"
