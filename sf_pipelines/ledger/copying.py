"""Failed and accepted rows into their tables by COPY: fast, and in bounded memory."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from psycopg2 import sql
from sqlalchemy import Connection, text

from sf_pipelines.ledger.jsonable import dumps, storable
from sf_pipelines.ledger.tables import failed_record
from sf_pipelines.model.outcome import FailedRecord

BATCH_ROWS = 1_000
"""Rows per COPY: bounds memory, keeps round trips few."""

NULL = r"\N"

_Row = TypeVar("_Row")

_NEEDS_ESCAPE = re.compile(r"[\\\t\n\r]").search
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def copy_failed_records(
    connection: Connection, failed: Iterable[FailedRecord], *, run_id: UUID, sync: str, failed_at: datetime
) -> None:
    """Append records within the connection's transaction; `failed` is read only once and never held whole."""
    shared = {"run_id": str(run_id), "sync": storable(sync), "failed_at": failed_at.isoformat()}
    with closing(connection.connection.cursor()) as cursor:
        for batch in _batches(failed):
            rows = [shared | _columns(record) for record in batch]
            lines = "".join(copy_line(row.values()) for row in rows)
            cursor.copy_expert(_statement(rows[0]), io.StringIO(lines))


@dataclass(frozen=True, slots=True)
class AcceptedRow:
    """Digests of one row that was sent, 16 bytes each; `is_accepted` says whether the org took it."""

    key_digest: bytes
    payload_digest: bytes
    is_accepted: bool


def keep_accepted_rows(
    connection: Connection, rows: Iterable[AcceptedRow], *, run_id: UUID, sync: str
) -> None:
    """Replace what the org last accepted for each key, within the connection's transaction.

    A key that was sent several times, or refused, is forgotten: it will be sent again, which does no harm.
    """
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE sent_row (key_digest bytea, payload_digest bytea, is_accepted boolean) "
            "ON COMMIT DROP"
        )
    )
    with closing(connection.connection.cursor()) as cursor:
        for batch in _batches(rows):
            lines = "".join(
                f"\\\\x{row.key_digest.hex()}\t\\\\x{row.payload_digest.hex()}\t{row.is_accepted}\n"
                for row in batch
            )
            cursor.copy_expert("COPY sent_row FROM STDIN", io.StringIO(lines))
    values = {"sync": sync, "run_id": run_id}
    connection.execute(text(_FORGET), values)
    connection.execute(text(_ACCEPT), values)


_FORGET = """
DELETE FROM ledger.accepted_row AS known USING sent_row
WHERE known.sync = :sync AND known.key_digest = sent_row.key_digest
"""

_ACCEPT = """
INSERT INTO ledger.accepted_row (sync, key_digest, payload_digest, run_id)
SELECT :sync, key_digest, (array_agg(payload_digest))[1], :run_id FROM sent_row
GROUP BY key_digest HAVING count(*) = 1 AND bool_and(is_accepted)
"""


def _batches(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    left = iter(rows)
    while batch := list(islice(left, BATCH_ROWS)):
        yield batch


def _columns(record: FailedRecord) -> dict[str, str | None]:
    return {
        "source_key": storable(record.source_key),
        "payload_hash": record.payload_hash,
        "values": dumps(record.values),
        "chunk": str(record.chunk),
        "attempt": str(record.attempt),
        "class": record.failure_class.value if record.failure_class else None,
        "next_attempt_at": record.next_attempt_at.isoformat() if record.next_attempt_at else None,
        "job_id": record.job_id,
        "request_id": record.request_id,
        "state": record.state.value,
        "code": storable(record.error.code),
        "message": storable(record.error.message),
        "fields": dumps(record.error.fields),
    }


def copy_line(values: Iterable[str | None]) -> str:
    """One row in COPY's text format, where a backslash, a tab or a line end in a value is escaped."""
    # looking is several times faster than translating, and few values need it
    escaped = (
        NULL if value is None else value.translate(_ESCAPES) if _NEEDS_ESCAPE(value) else value
        for value in values
    )
    return "\t".join(escaped) + "\n"


def _statement(row: Mapping[str, Any]) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(failed_record.schema or "", failed_record.name),
        sql.SQL(", ").join(map(sql.Identifier, row)),
    )
