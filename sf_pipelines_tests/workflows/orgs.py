"""Orgs and syncs that the tests of workflows, components and presentation share."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sf_pipelines.config.settings import AuthFlow, SalesforceSettings, Secret
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.model.rail import Operation
from sf_pipelines.model.slice import Window
from sf_pipelines.model.sync import FieldMapping, LoadSync, Source, SourceKind, Tolerance

KEY = "External_Id__c"
DAY = Window(start=datetime(2026, 3, 4, tzinfo=UTC), end=datetime(2026, 3, 5, tzinfo=UTC))
NOON = DAY.start + timedelta(hours=12)

Row = Mapping[str, str | None]


def settings_of(emulator: EmulatorServer) -> SalesforceSettings:
    """How to enter an emulated org."""
    credentials = emulator.credentials
    return SalesforceSettings(
        url=credentials.url,
        flow=AuthFlow.CLIENT_CREDENTIALS,
        client_id=credentials.client_id,
        client_secret=Secret(credentials.client_secret),
    )


def write_csv(path: Path, rows: Iterable[Row]) -> Source:
    """A CSV file with the columns of the first row, as the source of a load."""
    rows = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return Source(kind=SourceKind.CSV, location=str(path))


def load_of(
    sobject: str,
    source: Source,
    fields: Iterable[str],
    *,
    operation: Operation = Operation.UPSERT,
    key: str = KEY,
    tolerance: Tolerance | None = None,
) -> LoadSync:
    """A load whose source columns are named like the Salesforce fields that they fill."""
    return LoadSync(
        name=f"{sobject.lower()}_load",
        sobject=sobject,
        operation=operation,
        key=key,
        source=source,
        fields=tuple(FieldMapping(field=name, column=name) for name in fields),
        tolerance=tolerance or Tolerance(),
    )
