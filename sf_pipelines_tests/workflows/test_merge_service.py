"""Merging beside the stream: rows appear by themselves, once, and trouble is told and outlived."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from sf_pipelines.workflows import merge_service
from sf_pipelines.workflows.merge_service import merge_as_stored
from sf_pipelines_tests.workflows.change_scene import CHANNEL, ChangeScene
from sf_pipelines_tests.workflows.test_merge_changes import clock as clock
from sf_pipelines_tests.workflows.test_merge_changes import emulator as emulator
from sf_pipelines_tests.workflows.test_merge_changes import scene as scene


@contextmanager
def merging(scene: ChangeScene, told: list[str]) -> Generator[None]:
    stop = Event()
    thread = Thread(
        target=merge_as_stored,
        args=(scene.engine, {"Account": CHANNEL}, stop),
        kwargs={"tell": told.append},
        daemon=True,
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def merged(scene: ChangeScene) -> int:
    statement = "SELECT count(*) FROM ledger.change_event WHERE applied_at IS NOT NULL"
    return scene.scalar(statement)


def test_rows_appear_in_the_warehouse_without_a_run_and_other_objects_wait(scene: ChangeScene) -> None:
    told: list[str] = []
    with scene.subscriber(), merging(scene, told):
        (account,) = scene.insert("Account", {"Name": "One"})
        scene.insert("Contact", {"LastName": "Other"})
        scene.until(lambda: merged(scene) == 1)
        scene.caught_up()

    assert scene.in_warehouse()[account]["Name"] == "One"
    assert scene.scalar("SELECT to_regclass('raw.contact') IS NULL")
    assert scene.merge("Contact").events == 1
    assert told == []


def test_trouble_is_told_once_and_outlived(scene: ChangeScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge_service, "TROUBLED_SECONDS", 0.01)
    told: list[str] = []
    with scene.engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS raw")
        connection.exec_driver_sql('CREATE TABLE raw.account ("Id" text PRIMARY KEY, "Name" boolean)')
    with scene.subscriber(), merging(scene, told):
        (account,) = scene.insert("Account", {"Name": "One"})
        scene.until(lambda: bool(told))
        with scene.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE raw.account")
        scene.until(lambda: merged(scene) == 1)

    assert scene.in_warehouse()[account]["Name"] == "One"
    assert len(told) == len(set(told))
