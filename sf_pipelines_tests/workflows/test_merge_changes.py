from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.change_scene import ChangeScene


@pytest.fixture
def clock() -> Clock:
    """The org's clock goes on: what is committed later has a later time."""
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Iterator[EmulatorServer]:
    with EmulatorServer(clock=clock, pubsub_port=0) as server:
        yield server


@pytest.fixture
def scene(emulator: EmulatorServer, engine: Engine, tools: Tools) -> ChangeScene:
    return ChangeScene(emulator=emulator, engine=engine, tools=tools)


def test_every_kind_of_change_ends_at_the_row_that_an_extract_would_write(scene: ChangeScene) -> None:
    acme = {"Name": "Acme", "BillingCity": "Berlin", "BillingStreet": "Am Ufer 1", "Site": "east",
            "AnnualRevenue": 1234567.5, "NumberOfEmployees": 12}  # fmt: skip
    one, two, three = scene.insert("Account", acme, {"Name": "Zwei"}, {"Name": "Drei"})
    scene.update("Account", {"Id": one, "BillingCity": None, "Site": "west", "AnnualRevenue": 0.1})
    scene.delete("Account", two, three)
    scene.emulator.surface.org.undelete("Account", [three])
    with scene.subscriber():
        scene.caught_up()

    merge = scene.merge()

    assert (merge.rows_inserted, merge.records_in_doubt) == (4, 0)
    assert scene.differences() == {}
    found = scene.in_warehouse()
    assert found[one]["BillingCity"] is None
    assert (found[two]["IsDeleted"], found[three]["IsDeleted"]) == (True, False)


def test_dates_and_numbers_have_the_types_of_an_extract(scene: ChangeScene) -> None:
    deal = {"Name": "One", "StageName": "Closed Won", "CloseDate": "2026-02-28", "Amount": 0.1}
    old = {"Name": "Old", "StageName": "Prospecting", "CloseDate": "1899-12-31"}
    scene.insert("Opportunity", deal, old)
    with scene.subscriber():
        scene.caught_up()

    scene.merge("Opportunity")

    assert scene.differences("Opportunity") == {}
    assert len(scene.in_warehouse("Opportunity")) == 2


def test_a_person_has_the_whole_name_though_an_event_tells_a_part(scene: ChangeScene) -> None:
    (ann,) = scene.insert("Contact", {"FirstName": "Ann", "LastName": "Lee"})
    with scene.subscriber():
        scene.caught_up()
        scene.merge("Contact")
        scene.update("Contact", {"Id": ann, "LastName": "Low"})
        scene.caught_up()

    scene.merge("Contact")

    assert scene.in_warehouse("Contact")[ann]["Name"] == "Ann Low"
    assert scene.differences("Contact") == {}


def test_what_was_merged_is_not_merged_again(scene: ChangeScene) -> None:
    scene.insert("Account", {"Name": "Acme"})
    with scene.subscriber():
        scene.caught_up()

    first, second = scene.merge(), scene.merge()

    assert (first.events, second.events) == (2, 0)
