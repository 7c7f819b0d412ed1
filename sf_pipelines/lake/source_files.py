"""Rows of a load out of one CSV or Parquet file; and what is wrong with a file, by its line."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from sf_pipelines.lake.csv_rows import text_batches
from sf_pipelines.lake.csv_stream import StrictCsvStream
from sf_pipelines.lake.errors import CsvError, SourceError
from sf_pipelines.lake.salesforce_text import text_of_array

BATCH_ROWS = 10_000
READ_BYTES = 1 << 16
UTF_8 = "utf-8"


def read_csv_file(path: Path, columns: Sequence[str], *, encoding: str = UTF_8) -> Iterator[pa.RecordBatch]:
    """The named columns of a CSV file: RFC 4180, with or without byte order mark, text as it stands.

    Raises:
        SourceError: the file or a column is missing, or the line that cannot be read.
    """
    try:
        with path.open("rb") as file:
            stream = StrictCsvStream(file if _is_utf_8(encoding) else _Recoded(file, encoding))
            if not stream.names:
                raise SourceError(f"The source file {path} is empty: it needs a header row.")
            check_columns(f"The source file {path}", stream.names, columns)
            for batch in text_batches(stream):
                yield batch.select(list(columns))
    except CsvError as error:
        where = _where_it_breaks(path) if _is_utf_8(encoding) else None
        raise SourceError(f"The source file {path} cannot be read: {where or error}") from error
    except UnicodeError as error:
        raise SourceError(
            f"The source file {path} is not {encoding} ({error}): set its encoding to what it is."
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def read_parquet_file(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The named columns of a Parquet file as Salesforce text.

    Raises:
        SourceError: the file or a column is missing, is no Parquet, or holds what has no text.
    """
    try:
        with path.open("rb") as opened, pq.ParquetFile(opened) as file:
            check_columns(f"The source file {path}", file.schema_arrow.names, columns)
            for batch in file.iter_batches(BATCH_ROWS, columns=list(columns)):
                arrays = [
                    text_of_array(batch.column(name), f"The column {name} of {path}") for name in columns
                ]
                yield pa.RecordBatch.from_arrays(arrays, names=list(columns))
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise SourceError(f"The source file {path} cannot be read as Parquet ({reason}).") from error
    except OSError as error:
        raise _unreadable(path, error) from error


class _Recoded:
    """A file of another encoding as UTF-8, block by block; its byte order mark is taken off."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ahead = b""
        self._is_at_end = False

    def read(self, size: int = -1, /) -> bytes:
        while not self._is_at_end and (size < 0 or len(self._ahead) < size):
            block = self._file.read(READ_BYTES)
            self._is_at_end = not block
            self._ahead += self._decoder.decode(block, final=self._is_at_end).encode()
        end = len(self._ahead) if size < 0 else size
        part, self._ahead = self._ahead[:end], self._ahead[end:]
        return part


def _is_utf_8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in (UTF_8, "utf-8-sig")


def check_columns(where: str, present: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse a source that lacks a column, or has it twice.

    Raises:
        SourceError: names the column, those present and the nearest.
    """
    for name in wanted:
        if present.count(name) > 1:
            raise SourceError(f"{where} has {present.count(name)} columns named {name}: rename all but one.")
        if name not in present:
            near = get_close_matches(name, present, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise SourceError(f"{where} has no column {name}{hint}; it has {', '.join(present)}.")


def _unreadable(path: Path, error: OSError) -> SourceError:
    if isinstance(error, FileNotFoundError):
        return SourceError(f"The source file {path} does not exist: check the folder and the name.")
    reason = error.strerror or str(error).splitlines()[0]
    return SourceError(
        f"The source file {path} cannot be read ({reason}): check what it is and who may read it."
    )


def _where_it_breaks(path: Path) -> str | None:
    """The line that cannot be read, in a second pass over a file known to be broken; None if not found."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return f"line {number} is not UTF-8: save the file as UTF-8, or set its encoding."
    with suppress(csv.Error), path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        width = len(next(reader, []))
        for row in reader:
            if width and row and len(row) != width:
                return (
                    f"line {reader.line_num} has {len(row)} values, the header {width} names: mend the row."
                )
    return None
