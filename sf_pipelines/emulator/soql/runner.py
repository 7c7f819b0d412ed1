"""Runs queries on the store: a snapshot of row ids first, then pages of rows by those ids.

The snapshot (8 bytes a row) fixes which rows a query has and in which order, whatever is written while they
are read. The children of a record are looked up when its page is read.
Belongs here: execution. Not here: meaning (compiler.py).
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import orjson

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.results import QueryResult
from sf_pipelines.emulator.soql.aggregates import MAX_GROUPS
from sf_pipelines.emulator.soql.bulk import refuse_columns, refuse_query
from sf_pipelines.emulator.soql.compiler import Compiler
from sf_pipelines.emulator.soql.context import QueryContext
from sf_pipelines.emulator.soql.nodes import Query
from sf_pipelines.emulator.soql.parser import parse
from sf_pipelines.emulator.soql.plans import CountPlan, GroupsPlan, Plan, RowsPlan
from sf_pipelines.emulator.store import Store

_READ_CHUNK = 2000
_IN_CHUNK = ",".join("?" * _READ_CHUNK)
_TOO_MANY_GROUPS = (
    "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch"
)
Row = tuple[Any, ...]


def run_query(
    store: Store, soql: str, now: datetime, *, user_id: str, include_deleted: bool, bulk: bool
) -> QueryResult:
    """Parse, compile and take the snapshot of `soql`, asked by `user_id` at `now`.

    Raises:
        SalesforceError: what Salesforce answers to a wrong query.
    """
    with _within_limits():
        query = parse(soql)
        context = QueryContext(
            schema=store.schema,
            soql=soql,
            now=now,
            user_id=user_id,
            include_deleted=include_deleted or query.all_rows,
        )
        return _run(store, _compile(query, context, bulk=bulk))


@contextmanager
def _within_limits() -> Generator[None]:
    """What exceeds a limit of the database or the stack is too complicated in Salesforce's words."""
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.DataError, RecursionError) as err:
        message = "Query is either selecting too many fields or the filter conditions are too complicated."
        raise SalesforceError("QUERY_TOO_COMPLICATED", message) from err


def _compile(query: Query, context: QueryContext, *, bulk: bool) -> Plan:
    compiler = Compiler(context, query)
    if bulk:
        refuse_query(compiler.item, query)
    plan = compiler.compile(with_ids=not bulk)
    if bulk:
        refuse_columns(plan.shape)
    return plan


def _run(store: Store, plan: Plan) -> QueryResult:
    if isinstance(plan, CountPlan):
        [(count,)] = store.execute(plan.sql, plan.parameters)
        return QueryResult(shape=plan.shape, total_size=count, read_page=_no_rows, is_count=True)
    if isinstance(plan, GroupsPlan):
        return _groups(store, plan)
    with store.lock:
        rows = array("q", store.column(plan.ids_sql, plan.parameters))
    return _records(store, plan, rows)


def _no_rows(_offset: int, _count: int) -> list[Row]:
    return []


def _groups(store: Store, plan: GroupsPlan) -> QueryResult:
    rows = store.execute(plan.sql, plan.parameters)
    if len(rows) > MAX_GROUPS:
        raise SalesforceError("EXCEEDED_ID_LIMIT", _TOO_MANY_GROUPS)
    return QueryResult(
        shape=plan.shape, total_size=len(rows), read_page=lambda offset, count: rows[offset : offset + count]
    )


def _records(store: Store, plan: RowsPlan, rows: array[int]) -> QueryResult:
    def read_page(offset: int, count: int) -> list[Row]:
        with _within_limits():
            page = _read(store, plan.rows_sql, rows[offset : offset + count])
            return _with_children(store, plan, page) if plan.children else page

    return QueryResult(shape=plan.shape, total_size=len(rows), read_page=read_page)


def _with_children(store: Store, plan: RowsPlan, page: Sequence[Row]) -> list[Row]:
    """The rows, each with the result of each subquery at its end."""
    id_index = plan.shape.id_index[()]
    ids = orjson.dumps([row[id_index] for row in page]).decode()
    found = [_child_rows(store, child, ids) for child in plan.children]
    return [
        (
            *row,
            *(
                _records(store, child, rows.get(row[id_index]) or array("q"))
                for child, rows in zip(plan.children, found, strict=True)
            ),
        )
        for row in page
    ]


def _child_rows(store: Store, plan: RowsPlan, parent_ids: str) -> dict[str, array[int]]:
    """The row ids of the children of each parent that has some."""
    found: dict[str, array[int]] = {}
    for parent, child in store.execute(plan.ids_sql, (parent_ids, *plan.parameters)):
        found.setdefault(parent, array("q")).append(child)
    return found


def _read(store: Store, rows_sql: str, wanted: array[int]) -> list[Row]:
    """The rows in the order of `wanted`; a row that is gone for good is left out."""
    found: list[Row] = []
    for start in range(0, len(wanted), _READ_CHUNK):
        found.extend(_read_chunk(store, rows_sql, wanted[start : start + _READ_CHUNK]))
    return found


def _read_chunk(store: Store, rows_sql: str, wanted: array[int]) -> list[Row]:
    if wanted[-1] - wanted[0] == len(wanted) - 1 and all(map(int.__lt__, wanted, wanted[1:])):
        sql = f'{rows_sql} WHERE t0."row" BETWEEN ? AND ? ORDER BY t0."row"'
        return [row[1:] for row in store.execute(sql, (wanted[0], wanted[-1]))]
    sql, parameters = f'{rows_sql} WHERE t0."row" IN ({_IN_CHUNK})', wanted.tolist()
    if len(wanted) < _READ_CHUNK:
        sql = f'{rows_sql} WHERE t0."row" IN (SELECT value FROM json_each(?))'
        parameters = [orjson.dumps(parameters).decode()]
    by_row = {row[0]: row[1:] for row in store.execute(sql, parameters)}
    return [by_row[row] for row in wanted if row in by_row]
