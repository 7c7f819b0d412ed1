"""Runs queries on the store: a snapshot of row ids first, then pages of rows by those ids.

The snapshot (8 bytes a row) fixes which rows a query has and in which order, whatever is written while they
are read.
Belongs here: execution. Not here: meaning (compiler.py).
"""

from __future__ import annotations

import sqlite3
from array import array
from datetime import datetime
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.results import QueryResult
from sf_pipelines.emulator.schema.model import OrgSchema
from sf_pipelines.emulator.soql.bulk import refuse_columns, refuse_query
from sf_pipelines.emulator.soql.compiler import Compiled, Compiler
from sf_pipelines.emulator.soql.parser import parse
from sf_pipelines.emulator.store import Store

_READ_CHUNK = 2000
_NO_ROW = -1
_IN_CHUNK = ",".join("?" * _READ_CHUNK)


def run_query(
    store: Store, schema: OrgSchema, soql: str, now: datetime, *, include_deleted: bool, bulk: bool
) -> QueryResult:
    """Parse, compile and take the snapshot of `soql`.

    Raises:
        SalesforceError: what Salesforce answers to a wrong query.
    """
    try:
        compiled = _compile(schema, soql, now, include_deleted=include_deleted, bulk=bulk)
        rows = _snapshot(store, compiled)
    except (sqlite3.OperationalError, RecursionError) as err:
        message = "Query is either selecting too many fields or the filter conditions are too complicated."
        raise SalesforceError("QUERY_TOO_COMPLICATED", message) from err

    def read_page(offset: int, count: int) -> list[tuple[Any, ...]]:
        return _read(store, compiled.rows_sql, rows[offset : offset + count])

    return QueryResult(
        sobject=compiled.item.name,
        columns=compiled.columns,
        total_size=len(rows),
        is_count=compiled.is_count,
        read_page=read_page,
        id_index=compiled.id_index,
    )


def _compile(schema: OrgSchema, soql: str, now: datetime, *, include_deleted: bool, bulk: bool) -> Compiled:
    query = parse(soql)
    compiler = Compiler(schema, query, soql, now)
    if bulk:
        refuse_query(compiler.item, query)
    compiled = compiler.compile(include_deleted=include_deleted, with_ids=not bulk)
    if bulk:
        refuse_columns(compiled)
    return compiled


def _snapshot(store: Store, compiled: Compiled) -> array[int]:
    with store.lock:
        return array("q", store.column(compiled.ids_sql, compiled.ids_parameters))


def _read(store: Store, rows_sql: str, wanted: array[int]) -> list[tuple[Any, ...]]:
    """The rows in the order of `wanted`; a row that is gone for good is left out."""
    found: list[tuple[Any, ...]] = []
    for start in range(0, len(wanted), _READ_CHUNK):
        found.extend(_read_chunk(store, rows_sql, wanted[start : start + _READ_CHUNK]))
    return found


def _read_chunk(store: Store, rows_sql: str, wanted: array[int]) -> list[tuple[Any, ...]]:
    if wanted[-1] - wanted[0] == len(wanted) - 1 and all(map(int.__lt__, wanted, wanted[1:])):
        sql = f'{rows_sql} WHERE t0."row" BETWEEN ? AND ? ORDER BY t0."row"'
        return [row[1:] for row in store.execute(sql, (wanted[0], wanted[-1]))]
    padding = [_NO_ROW] * (_READ_CHUNK - len(wanted))
    sql = f'{rows_sql} WHERE t0."row" IN ({_IN_CHUNK})'
    by_row = {row[0]: row[1:] for row in store.execute(sql, [*wanted, *padding])}
    return [by_row[row] for row in wanted if row in by_row]
