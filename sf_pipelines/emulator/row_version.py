"""One state of one row, to tell whether a caller has seen it.

Belongs here: reading and hashing what is stored. Not here: conditional requests (http/preconditions.py).
Imports errors, schema, store.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sf_pipelines.emulator.dml.errors import entity_is_deleted
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.model import ObjectSchema
from sf_pipelines.emulator.store import Store, quoted
from sf_pipelines.emulator.temporal import EPOCH


@dataclass(frozen=True, kw_only=True, slots=True)
class RowVersion:
    """When a row was last modified, and a SHA-256 of all that is stored of it."""

    modified_at: datetime
    digest: bytes


def read_version(store: Store, item: ObjectSchema, id_: str) -> RowVersion:
    """The version of the row of `id_` (18 characters).

    Raises:
        SalesforceError: 404 NOT_FOUND, 404 ENTITY_IS_DELETED.
    """
    sql = f'SELECT "IsDeleted", "LastModifiedDate", * FROM {quoted(item.name)} WHERE "Id" = ?'
    rows = store.execute(sql, (id_,))
    if not rows:
        raise SalesforceError("NOT_FOUND", "The requested resource does not exist", status=404)
    is_deleted, modified_ms, *stored = rows[0]
    if is_deleted:
        raise entity_is_deleted()
    digest = hashlib.sha256(repr(stored).encode("utf-8", "surrogatepass")).digest()
    return RowVersion(modified_at=EPOCH + timedelta(milliseconds=modified_ms), digest=digest)
