"""`sf-pipelines plan`: what would happen to a sync now, and the price of a backfill, as tables or JSON."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine

import sf_pipelines
from sf_pipelines.components.sync_tags import TaggedSync, read_tags
from sf_pipelines.config.settings import load_settings
from sf_pipelines.ledger.jsonable import to_json
from sf_pipelines.ledger.quota import QuotaBook
from sf_pipelines.local.ledger_database import open_ledger_database
from sf_pipelines.model.decision import Decision
from sf_pipelines.model.slice import Slice
from sf_pipelines.rails.client import connect
from sf_pipelines.workflows.errors import WorkflowError
from sf_pipelines.workflows.plan import (
    BackfillPlan,
    Facts,
    estimated_slice,
    facts,
    plan_backfill,
    plan_run,
)
from sf_pipelines.workflows.quota_reading import read_quota

Answer = tuple[dict[str, Any], RenderableType]


def plan_sync(
    name: str, *, rows: int | None, bytes_raw: int | None, backfill: tuple[date, date] | None
) -> Answer:
    """The plan of one run, or of a backfill from a night to a night.

    Raises:
        WorkflowError: there is no such sync, or its size is unknown.
    """
    sync = _declared(name)
    with open_ledger_database() as engine:
        slice_ = estimated_slice(engine, _empty(sync), rows=rows, bytes_raw=bytes_raw)
        _read_if_reachable(engine)
        known = facts(engine, sync.sobject, _now)
    if backfill is None:
        return _of_run(plan_run(slice_, known))
    return _of_backfill(plan_backfill(slice_, known, *backfill), known)


def _declared(name: str) -> TaggedSync:
    """The sync as its YAML declares it, by way of its asset."""
    folder = Path(sf_pipelines.__file__).parent
    graph = dg.load_from_defs_folder(path_within_project=folder).get_repository_def().asset_graph
    found = (read_tags(graph.get(key).tags) for key in graph.get_all_asset_keys())
    syncs = {sync.name: sync for sync in found if sync is not None}
    if name not in syncs:
        raise WorkflowError(f"There is no sync '{name}': it is one of {', '.join(sorted(syncs))}.")
    return syncs[name]


def _empty(sync: TaggedSync) -> Slice:
    return Slice(
        sync=sync.name,
        sobject=sync.sobject,
        direction=sync.direction,
        operation=sync.operation,
        rows=0,
        bytes_raw=0,
        latency_class=sync.latency_class,
        criticality=sync.criticality,
    )


def _read_if_reachable(engine: Engine) -> None:
    """A fresh reading for one call, where settings name an org; else the ledger's newest one stands."""
    settings = load_settings()
    if settings.salesforce is not None:
        read_quota(connect(settings.salesforce).org, QuotaBook(engine), _now)


def _of_run(decision: Decision) -> Answer:
    table = Table("Rail", title=f"{decision.slice.sync}: {_words(decision)}")
    for column in ("API calls", "Jobs", "Batches", "MB", "Minutes"):
        table.add_column(column, justify="right")
    for rail, price in decision.costs.items():
        figures = (f"{price.api_calls:,}", f"{price.jobs:,}", f"{price.batches:,}")
        table.add_row(rail.value, *figures, f"{price.bytes_raw / 1e6:,.1f}", f"{price.seconds / 60:,.1f}")
    lost = [f"Not {rail.value}: {reason.text}" for rail, reason in decision.rejected.items()]
    told = [reason.text for reason in (*decision.because, *decision.remarks)]
    lines = Text("\n".join(dict.fromkeys([*told, *lost])))
    return {"decision": to_json(decision)}, Group(table, lines)


def _of_backfill(plan: BackfillPlan, known: Facts) -> Answer:
    table = Table("Backfill", "", title=f"{plan.first.slice.sync}: {plan.nights:,} nights")
    for name, value in (
        ("API calls", f"{plan.api_calls:,}"),
        ("Bulk jobs", f"{plan.jobs:,}"),
        ("Bulk batches", f"{plan.batches:,}"),
        ("MB", f"{plan.bytes_raw / 1e6:,.1f}"),
        ("Minutes, one after the other", f"{plan.minutes:,.1f}"),
        ("Nights that fit now", f"{plan.runs_now:,}"),
    ):
        table.add_row(name, value)
    held = plan.held_back
    text = _words(plan.first) if held is None else f"Then: {' '.join(item.text for item in held.because)}"
    names = ("nights", "api_calls", "jobs", "batches", "bytes_raw", "minutes", "runs_now")
    document = {name: getattr(plan, name) for name in names}
    document |= {
        "first": to_json(plan.first),
        "held_back": to_json(held),
        "planned_at": known.now.isoformat(),
    }
    return document, Group(table, Text(text))


def _words(decision: Decision) -> str:
    if decision.rail is not None:
        pace = decision.pace_calls_per_minute
        slowly = f", at {pace:,.1f} calls a minute" if pace is not None else ""
        return f"{decision.action.value} by {decision.rail.value}{slowly}"
    until = decision.defer_until
    return f"{decision.action.value} until {until:%Y-%m-%d %H:%M}Z" if until else decision.action.value


def _now() -> datetime:
    return datetime.now(UTC)
