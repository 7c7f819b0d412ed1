"""Triggers and validation rules: conditions over whole batches, asked of the rows as they would be stored.

The rows are first written to a scratch table with the object's columns, formulas among them, so that a
condition sees every field and no bad row ever reaches the object's table.
Belongs here: asking the rules. Not here: what a condition may say (schema/expressions.py).
"""

from __future__ import annotations

import sqlite3

from sf_pipelines.emulator.dml import errors
from sf_pipelines.emulator.dml.batch import Batch
from sf_pipelines.emulator.dml.writer import Stamp, insert_rows, update_rows
from sf_pipelines.emulator.schema.columns import stored_columns, table_columns
from sf_pipelines.emulator.schema.expressions import with_time
from sf_pipelines.emulator.schema.rules import Event, RecordRule
from sf_pipelines.emulator.store import Store, quoted


def check_record_rules(batch: Batch, store: Store, stamp: Stamp, event: Event) -> None:
    """Fail the good rows that a trigger or a validation rule refuses; the first rule in order speaks."""
    rules = [rule for rule in batch.item.record_rules if event in rule.events]
    if not rules or all(batch.errors):
        return
    scratch = _fill_scratch(batch, store, stamp, event)
    for rule in rules:
        _ask(batch, store, stamp, rule, event, scratch)
    store.execute(f"DELETE FROM {quoted(scratch)}")


def _fill_scratch(batch: Batch, store: Store, stamp: Stamp, event: Event) -> str:
    """The name of a table that holds the good rows as they would be; as they are, before a delete."""
    item, scratch = batch.item, f"check${batch.item.name}"
    body = ", ".join(['"row" INTEGER PRIMARY KEY', *table_columns(item).values()])
    store.execute(f"CREATE TEMP TABLE IF NOT EXISTS {quoted(scratch)} ({body})")
    if event == "create":
        insert_rows(batch, store, stamp, scratch)
        return scratch
    names = ", ".join(map(quoted, ["row", *stored_columns(item)]))
    copy = f"INSERT INTO {quoted(scratch)} ({names}) SELECT {names} FROM {quoted(item.name)}"
    store.run_in(copy, "Id", [batch.ids[row] for row in batch.good_rows()])
    if event == "update":
        update_rows(batch, store, stamp, scratch)
    return scratch


def _ask(batch: Batch, store: Store, stamp: Stamp, rule: RecordRule, event: Event, scratch: str) -> None:
    condition = with_time(rule.condition, stamp.today, stamp.epoch_ms)
    try:
        refused = {row[0] for row in store.execute(f'SELECT "Id" FROM {quoted(scratch)} WHERE ({condition})')}
    except sqlite3.Error as error:
        for row in batch.good_rows():
            batch.fail(row, errors.rule_unreadable(rule, str(error)))
        return
    if refused:
        is_trigger = rule.kind == "trigger"
        refusal = errors.trigger_failed(rule, event) if is_trigger else errors.validation_failed(rule)
        for row, id_ in enumerate(batch.ids):
            if id_ in refused:
                batch.fail(row, refusal)
