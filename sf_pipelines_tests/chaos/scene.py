"""What is loaded at every point: a few rows in several jobs or calls, and what the org must hold at the end.

Two rows of an insert are equal, so that rows are told apart as a multiset; one row of each load is wrong, so
that failures are counted too.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sf_pipelines.model.outcome import VerdictState
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.model.sync import FieldMapping, LoadSync, Source, SourceKind, Tolerance
from sf_pipelines.rails.ports import SalesforceClient

SOBJECT = "Account"
KEY = "External_Id__c"
ROWS = 11
CALL_ROWS = 4
JOB_BYTES = 220
BAD_NUMBER = "many"

Row = Mapping[str, str]
Content = Counter[tuple[str | None, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """A load, and the rows of the org that it is about.

    Attributes:
        seeded: rows that the org holds before.
        expected: the org's rows afterwards, by the columns of `shown`.
    """

    sync: LoadSync
    rail: Rail
    shown: tuple[str, ...]
    expected: Content


def make_scene(operation: Operation, rail: Rail, client: SalesforceClient, folder: Path) -> Scene:
    """Seed the org, and write the source."""
    shown = ("Name", "NumberOfEmployees") if operation is Operation.INSERT else (KEY, "NumberOfEmployees")
    seeded = _seed(operation, client)
    rows = _rows(operation, seeded)
    path = folder / "source.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return Scene(
        sync=_sync(operation, path, list(rows[0])),
        rail=rail,
        shown=shown,
        expected=_expected(operation, rows, seeded, shown),
    )


def content(scene: Scene, client: SalesforceClient) -> Content:
    """The org's rows now."""
    soql = f"SELECT {', '.join(scene.shown)} FROM {SOBJECT}"
    return Counter(
        tuple(None if record[name] is None else str(record[name]) for name in scene.shown)
        for page in client.rest.query(soql)
        for record in page.records
    )


def is_expected_verdict(state: str) -> bool:
    """One row of each scene is wrong, and one is tolerated."""
    return state == VerdictState.REJECTS_WITHIN_TOLERANCE


def _seed(operation: Operation, client: SalesforceClient) -> list[dict[str, str]]:
    """Records that an update, an upsert or a delete finds; ids with their keys."""
    if operation is Operation.INSERT:
        return []
    count = ROWS // 2 if operation is Operation.UPSERT else ROWS - 1
    records = [{KEY: f"k{n}", "Name": f"Name {n}", "NumberOfEmployees": 1} for n in range(count)]
    client.rest.write(SOBJECT, Operation.INSERT, records)
    pages = client.rest.query(f"SELECT Id, {KEY} FROM {SOBJECT}")
    ids = {record[KEY]: record["Id"] for page in pages for record in page.records}
    return [{KEY: str(record[KEY]), "Id": ids[record[KEY]]} for record in records]


def _rows(operation: Operation, seeded: Sequence[Row]) -> list[dict[str, str]]:
    ids = [row["Id"] for row in seeded]
    match operation:
        case Operation.INSERT:
            names = [f"Name {n}" for n in range(ROWS - 1)]
            names[-1] = names[0]
            rows = [{"Name": name, "NumberOfEmployees": "7"} for name in names]
            return [*rows, {"Name": "Bad", "NumberOfEmployees": BAD_NUMBER}]
        case Operation.UPSERT:
            rows = [{KEY: f"k{n}", "Name": f"New {n}", "NumberOfEmployees": "7"} for n in range(ROWS - 1)]
            return [*rows, {KEY: "bad", "Name": "Bad", "NumberOfEmployees": BAD_NUMBER}]
        case Operation.UPDATE:
            rows = [{"Id": id_, "NumberOfEmployees": "7"} for id_ in ids]
            rows[-1]["NumberOfEmployees"] = BAD_NUMBER
            return rows
        case _:
            return [*({"Id": id_} for id_ in ids), {"Id": "not an id"}]


def _expected(
    operation: Operation, rows: Sequence[Row], seeded: Sequence[Row], shown: tuple[str, ...]
) -> Content:
    if operation is Operation.DELETE:
        return Counter()
    keys = {row["Id"]: row[KEY] for row in seeded}
    good = [row for row in rows if row["NumberOfEmployees"] != BAD_NUMBER]
    if operation is Operation.UPDATE:
        changed = Counter((keys[row["Id"]], "7") for row in good)
        return changed + Counter([(keys[rows[-1]["Id"]], "1")])
    return Counter(tuple(row[name] for name in shown) for row in good)


def _sync(operation: Operation, path: Path, columns: Sequence[str]) -> LoadSync:
    keys = {Operation.INSERT: "Name", Operation.UPSERT: KEY}
    return LoadSync(
        name=f"chaos_{operation.value}",
        sobject=SOBJECT,
        operation=operation,
        key=keys.get(operation, "Id"),
        source=Source(kind=SourceKind.CSV, location=str(path)),
        fields=tuple(FieldMapping(field=name, column=name) for name in columns),
        tolerance=Tolerance(rows=1),
    )
