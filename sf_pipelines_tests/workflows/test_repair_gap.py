from __future__ import annotations

from dataclasses import replace
from threading import Event, Thread
from typing import Any

from sf_pipelines.ledger.change_queries import open_gaps
from sf_pipelines.ledger.change_verbs import ChangeLedger
from sf_pipelines.model.gap import Gap, GapCause
from sf_pipelines.model.rail import Rail
from sf_pipelines.workflows.repair_gap import divide_gaps, repair_gaps
from sf_pipelines_tests.workflows.change_scene import CHANNEL, ChangeScene
from sf_pipelines_tests.workflows.test_merge_changes import clock as clock
from sf_pipelines_tests.workflows.test_merge_changes import emulator as emulator
from sf_pipelines_tests.workflows.test_merge_changes import scene as scene

LOST = Gap(channel=CHANNEL, sobject="Account", cause=GapCause.GAP_EVENT, detail="lost")


def open_gap(scene: ChangeScene, **known: Any) -> None:
    ChangeLedger(scene.engine).open_gap(replace(LOST, **known))


def test_records_of_a_gap_are_read_by_their_ids(scene: ChangeScene) -> None:
    one, two, three = scene.insert("Account", {"Name": "1"}, {"Name": "2"}, {"Name": "3"})
    with scene.subscriber():
        scene.caught_up()
    scene.merge()
    scene.update("Account", {"Id": one, "Name": "changed"})
    scene.delete("Account", two)
    scene.emulator.surface.org.delete("Account", [three], hard=True)
    for gap in open_gaps(scene.engine):
        scene.close(gap.id)
    open_gap(scene, record_ids=(one, two, three))

    (repair,) = repair_gaps("Account", scene.tools)

    rows = scene.in_warehouse()
    assert rows[one]["Name"] == "changed"
    assert (rows[two]["IsDeleted"], rows[three]["IsDeleted"]) == (True, True)
    assert repair.decision.rail is Rail.REST
    proof = repair.proof
    assert (proof.org_rows, proof.rows_before, proof.rows_after) == (2, 3, 1)
    assert (proof.rows_repaired, proof.rows_deleted) == (2, 1)
    assert open_gaps(scene.engine) == []


def test_a_snapshot_while_somebody_writes_all_the_time_ends_at_the_orgs_rows(scene: ChangeScene) -> None:
    ids = scene.insert("Account", *({"Name": f"before {number}"} for number in range(100)))
    done = Event()
    writer = Thread(target=_write_until, args=(scene, ids, done))
    with scene.subscriber():
        scene.until(lambda: bool(open_gaps(scene.engine)))
        writer.start()
        divide_gaps(CHANNEL, ["Account"], scene.tools)
        for _ in range(3):
            scene.merge()
        (repair,) = repair_gaps("Account", scene.tools)
        scene.merge()
        done.set()
        writer.join()
        scene.caught_up()
    scene.merge()

    assert repair.gap.cause == GapCause.FIRST_START
    assert open_gaps(scene.engine) == []
    assert scene.differences() == {}


def _write_until(scene: ChangeScene, ids: list[str], done: Event) -> None:
    turn = 0
    while not done.is_set():
        turn += 1
        touched = ids[turn % 7 :: 7]
        field = ("Site", "BillingCity", "Phone")[turn % 3]
        scene.update("Account", *({"Id": id_, field: f"turn {turn}"} for id_ in touched))
        ids += scene.insert("Account", {"Name": f"during {turn}"})
        if turn % 5 == 0:
            scene.delete("Account", ids.pop(0))
