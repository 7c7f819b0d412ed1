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
        # NUL goes before encoding: its JSON escape is six characters that somebody may have written
        texts = [None if value is None else self._json_text(value) for value in column.to_pylist()]
        return pa.array(texts, pa.string())

    def _json_text(self, value: dict[str, Any]) -> str:
        for name, part in value.items():
            if isinstance(part, str) and NUL in part:
                self.nul_values += 1
                value[name] = part.replace(NUL, NUL_SYMBOL)
        return orjson.dumps(value).decode()

    def _without_nul(self, column: pa.Array) -> pa.Array:
        holds_nul = pc.match_substring(column, NUL).true_count
        if not holds_nul:
            return column
        self.nul_values += holds_nul
        return pc.replace_substring(column, NUL, NUL_SYMBOL)
