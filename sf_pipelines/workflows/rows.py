"""One row of a payload as it was sent, and its hash."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

import pyarrow as pa


def row_values(batch: pa.RecordBatch, index: int) -> dict[str, str | None]:
    """One row of a batch of text columns, field to text."""
    return {
        name: column[index].as_py() for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }


def payload_hash(values: Mapping[str, str | None]) -> str:
    """Stable hash of a row as sent; null and absent are the same, as they are to the org."""
    present = {name: value for name, value in values.items() if value is not None}
    return sha256(json.dumps(present, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
