"""Batches as PostgreSQL's COPY takes them: structs as JSON text, and no NUL in any text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

NUL, NUL_SYMBOL = "\x00", "\u2400"


class PostgresRows:
    """Batches on their way into COPY, read once.

    Attributes:
        schema: of the batches as they come.
        nul_values: texts so far in which NUL was written as its symbol.
        failure: what stopped the batches, None if nothing did.
    """

    def __init__(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        self.schema = schema
        self.nul_values = 0
        self.failure: BaseException | None = None
        self._batches = batches

    def reader(self) -> pa.RecordBatchReader:
        """The batches as a stream for the driver."""
        plain = pa.schema(
            [
                pa.field(field.name, pa.string() if pa.types.is_struct(field.type) else field.type)
                for field in self.schema
            ]
        )
        return pa.RecordBatchReader.from_batches(plain, self._plain_batches(plain))

    def _plain_batches(self, plain: pa.Schema) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._batches:
                columns = [self._plain_column(column) for column in batch.columns]
                yield pa.RecordBatch.from_arrays(columns, schema=plain)
        except BaseException as error:
            self.failure = error
            raise

    def _plain_column(self, column: pa.Array) -> pa.Array:
        if pa.types.is_struct(column.type):
            return self._json_column(column)
        if pa.types.is_string(column.type):
            return self._without_nul(column)
        return column

    def _json_column(self, column: pa.Array) -> pa.Array:
        # before encoding: in JSON text an escaped NUL looks like the six characters that somebody may have written
        names = [field.name for field in column.type]
        parts = [self._plain_column(part).to_pylist() for part in column.flatten()]
        present = column.is_valid().to_pylist()
        texts: list[str | None] = [
            orjson.dumps(dict(zip(names, values, strict=True))).decode() if is_present else None
            for is_present, *values in zip(present, *parts, strict=True)
        ]
        return pa.array(texts, pa.string())

    def _without_nul(self, column: pa.Array) -> pa.Array:
        holds_nul: Any = pc.sum(pc.match_substring(column, NUL)).as_py() or 0
        if not holds_nul:
            return column
        self.nul_values += holds_nul
        return pc.replace_substring(column, NUL, NUL_SYMBOL)
