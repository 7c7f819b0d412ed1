"""`sf-pipelines failures` and `sf-pipelines trace`: failed records for people, as tables, JSON or CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import uuid4

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree
from sqlalchemy import Engine

from sf_pipelines.lake.errors import LakeError
from sf_pipelines.lake.formula_guard import guarded
from sf_pipelines.ledger.failure_queries import (
    FailureCount,
    FailureFilter,
    LifeStep,
    count_failures,
    keys_like,
    life_of_record,
    stream_failures,
)
from sf_pipelines.ledger.queries import FailedRecordRow
from sf_pipelines.local.declared_syncs import declared_loads
from sf_pipelines.local.ledger_database import open_ledger_database
from sf_pipelines.policy.mends import mend
from sf_pipelines.workflows.redaction import redact_values
from sf_pipelines.workflows.resend import source_row
from sf_pipelines.workflows.rows import payload_hash

ADDED_COLUMNS = ("error_code", "error_message", "error_fields", "failure_class", "ledger_run")
"""What an export says of each record, before the fields as they were sent."""

SIMILAR_KEYS = 5


class FailuresError(Exception):
    """A question about failed records that cannot be answered; one sentence with the mend."""


def show_failures(which: FailureFilter, *, limit: int) -> tuple[dict[str, Any], RenderableType]:
    """Counts by sync and code, and the newest records: as a JSON document and as tables."""
    with open_ledger_database() as engine:
        counts = count_failures(engine, which)
        records = list(stream_failures(engine, which, limit=limit))
    rows = sum(count.rows for count in counts)
    document = {
        "rows": rows,
        "counts": [asdict(count) | {"next_step": mend(count.failure_class)} for count in counts],
        "records": [asdict(record) for record in records],
    }
    return document, Group(_counts_table(counts), _records_table(records, of=rows))


def export_failures(which: FailureFilter, path: Path) -> int:
    """Write all matching records of one sync as CSV: fix the values, then send the file again.

    The columns are those of `ADDED_COLUMNS` and the Salesforce fields as they were sent; what a spreadsheet
    would take for a formula is marked, and read back without the mark.

    Returns:
        Rows written; the file appears whole or not at all.

    Raises:
        FailuresError: several syncs match, which have different fields, or the file cannot be written.
    """
    with open_ledger_database() as engine:
        syncs = sorted({count.sync for count in count_failures(engine, which)})
        if len(syncs) > 1:
            raise FailuresError(
                f"Records of {', '.join(syncs)} match, each with its own fields: name one with --sync."
            )
        try:
            with closing(stream_failures(engine, which, limit=None)) as records:
                return _write_csv(path, records)
        except OSError as error:
            raise FailuresError(
                f"{path} cannot be written ({error.strerror}): choose another file."
            ) from error


def trace_record(source_key: str, *, sync: str | None) -> tuple[dict[str, Any], RenderableType]:
    """The life of one record.

    Raises:
        FailuresError: the ledger has no failed record of that key.
    """
    with open_ledger_database() as engine:
        steps = life_of_record(engine, source_key, sync=sync)
        if not steps:
            raise FailuresError(_no_such_key(source_key, keys_like(engine, source_key, limit=SIMILAR_KEYS)))
        last = steps[-1]
        source = _source_now(last.record, engine)
    ended = _how_it_ended(last)
    document = {
        "source_key": source_key,
        "ended": ended,
        "source_now": source.values,
        "source": source.text,
        "steps": [_step_json(step) for step in steps],
    }
    return document, Group(
        _life_tree(source_key, steps),
        _values_table(last.record, source.values),
        escape(source.text),
        f"How it ended: {escape(ended)}",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _SourceNow:
    """The row as its source has it at this moment, mapped as it would be sent."""

    values: dict[str, str | None] | None
    text: str


def _source_now(record: FailedRecordRow, engine: Engine) -> _SourceNow:
    sync = declared_loads().get(record.sync)
    if sync is None:
        return _SourceNow(values=None, text=f"No load named {record.sync} is declared any more.")
    try:
        values = source_row(sync, record.source_key, engine)
    except LakeError as error:
        return _SourceNow(values=None, text=f"The source cannot be read now: {error}")
    if values is None:
        return _SourceNow(values=None, text="The source has this row no more.")
    is_same = payload_hash(values) == record.payload_hash
    text = "The source row is as it was sent." if is_same else "The source row has changed since it was sent."
    return _SourceNow(values=redact_values(values, sync.sensitive_fields), text=text)


def _no_such_key(source_key: str, similar: list[str]) -> str:
    hint = f" (similar: {', '.join(similar)})" if similar else ""
    return (
        f"No record with the key '{source_key}' has failed{hint}. Rows that reached the org are "
        "kept as counts of their run, not one by one."
    )


def _write_csv(path: Path, records: Iterator[FailedRecordRow]) -> int:
    part = path.with_name(f".{path.name}.{uuid4().hex}.part")
    first = next(records, None)
    names = list(first.values) if first else []
    rows = 0
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*ADDED_COLUMNS, *names])
            for record in chain([first] if first else [], records):
                cells = (*_added(record), *(record.values.get(name) or "" for name in names))
                writer.writerow(map(guarded, cells))
                rows += 1
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return rows


def _added(record: FailedRecordRow) -> tuple[str, ...]:
    fields = ";".join(record.fields)
    return (record.code, record.message, fields, record.failure_class or "", str(record.run_id))


def _counts_table(counts: Iterable[FailureCount]) -> Table:
    table = Table(title="Failed records by load and code")
    for name in ("Sync", "Code", "Class"):
        table.add_column(name, overflow="fold")
    table.add_column("Rows", justify="right")
    table.add_column("Next step")
    for count in counts:
        when = f" (at {count.waits_for:%Y-%m-%d %H:%M}Z)" if count.waits_for else ""
        figures = (count.sync, count.code, count.failure_class or "", f"{count.rows:,}")
        table.add_row(*map(escape, figures), escape(mend(count.failure_class) + when))
    return table


def _records_table(records: list[FailedRecordRow], *, of: int) -> Table:
    table = Table()
    for name in ("Key", "Sync", "Code", "Message", "Job or request"):
        table.add_column(name, overflow="fold")
    table.title = f"The newest {len(records):,} of {of:,}"
    for record in records:
        carrier = record.job_id or record.request_id or ""
        cells = (record.source_key, record.sync, record.code, record.message, carrier)
        table.add_row(*map(escape, cells))
    return table


def _life_tree(source_key: str, steps: Iterable[LifeStep]) -> Tree:
    tree = Tree(f"[bold]{escape(source_key)}[/]")
    for step in steps:
        record = step.record
        of_partition = f" of {step.partition_key}" if step.partition_key else ""
        sent = escape(f"{record.sync}{of_partition}, attempt {record.attempt}")
        branch = tree.add(f"{record.failed_at:%Y-%m-%d %H:%M:%S}Z  {sent}")
        branch.add(f"[red]{escape(record.code)}[/]: {escape(record.message)}")
        branch.add(escape(_carrier(step)))
        branch.add(escape(_run(step)))
        branch.add(escape(f"then: {_then(step)}"))
    return tree


def _carrier(step: LifeStep) -> str:
    record = step.record
    if record.job_id:
        return f"Bulk job {record.job_id}, chunk {record.chunk}, {_words(step.step)}"
    if record.request_id:
        return f"REST request {record.request_id}, chunk {record.chunk}, {_words(step.step)}"
    return "not sent"


def _run(step: LifeStep) -> str:
    dagster_run = f", Dagster run {step.dagster_run_id}" if step.dagster_run_id else ""
    return f"ledger run {step.record.run_id} ({_words(step.run_state)}){dagster_run}"


def _words(state: str | None) -> str:
    return (state or "no journal").replace("_", " ")


def _values_table(record: FailedRecordRow, now: Mapping[str, str | None] | None) -> Table:
    table = Table("Field", "As sent", title=f"Payload {record.payload_hash[:16]}")
    if now is not None:
        table.add_column("In the source now")
    for name, value in record.values.items():
        marked = "bold red" if name in record.fields else None
        current = [_cell(now.get(name))] if now is not None else []
        table.add_row(escape(name), _cell(value), *current, style=marked)
    return table


def _cell(value: str | None) -> str:
    return escape(value) if value is not None else "[dim]empty[/]"


def _then(step: LifeStep) -> str:
    if step.resent_in is not None:
        return f"sent again in its run, attempt {step.resent_in}"
    if step.record.resolved_by is not None:
        return f"got through in run {step.record.resolved_by}"
    if step.record.next_attempt_at is not None:
        return f"is sent again at {step.record.next_attempt_at:%Y-%m-%d %H:%M}Z"
    return "waits for a person"


def _how_it_ended(last: LifeStep) -> str:
    record = last.record
    if record.resolved_by is not None:
        when = f" at {last.resolved_at:%Y-%m-%d %H:%M:%S}Z" if last.resolved_at else ""
        return f"resolved: run {record.resolved_by} got it through{when}."
    if record.next_attempt_at is not None:
        return f"open: it is sent again by itself at {record.next_attempt_at:%Y-%m-%d %H:%M}Z."
    return f"open: {mend(record.failure_class)}."


def _step_json(step: LifeStep) -> Mapping[str, Any]:
    return asdict(step) | {"then": _then(step)}
