"""Failed records into their table by COPY: as fast as the database takes them, in bounded memory."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from psycopg2 import sql
from sqlalchemy import Connection

from sf_pipelines.ledger.jsonable import dumps, storable
from sf_pipelines.ledger.tables import failed_record
from sf_pipelines.model.outcome import FailedRecord

BATCH_ROWS = 1_000
"""Rows per COPY: bounds memory, keeps round trips few."""

NULL = r"\N"

_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def copy_failed_records(
    connection: Connection, failed: Iterable[FailedRecord], *, run_id: UUID, sync: str, failed_at: datetime
) -> None:
    """Append records within the connection's transaction; `failed` is read only once and never held whole."""
    shared = {"run_id": str(run_id), "sync": storable(sync), "failed_at": failed_at.isoformat()}
    with closing(connection.connection.cursor()) as cursor:
        for batch in _batches(failed):
            rows = [shared | _columns(record) for record in batch]
            lines = "".join(_line(row) for row in rows)
            cursor.copy_expert(_statement(rows[0]), io.StringIO(lines))


def _batches(failed: Iterable[FailedRecord]) -> Iterator[list[FailedRecord]]:
    records = iter(failed)
    while batch := list(islice(records, BATCH_ROWS)):
        yield batch


def _columns(record: FailedRecord) -> dict[str, str | None]:
    return {
        "source_key": storable(record.source_key),
        "payload_hash": record.payload_hash,
        "values": dumps(record.values),
        "chunk": str(record.chunk),
        "job_id": record.job_id,
        "request_id": record.request_id,
        "state": record.state.value,
        "code": storable(record.error.code),
        "message": storable(record.error.message),
        "fields": dumps(record.error.fields),
    }


def _line(row: Mapping[str, str | None]) -> str:
    """One row in COPY's text format, where a backslash, a tab or a line end in a value is escaped."""
    return "\t".join(NULL if value is None else value.translate(_ESCAPES) for value in row.values()) + "\n"


def _statement(row: Mapping[str, Any]) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(failed_record.schema or "", failed_record.name),
        sql.SQL(", ").join(map(sql.Identifier, row)),
    )
