"""CSV streams to batches: blocks, nulls, headers, and what is said of a stream that breaks its promise."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from sf_pipelines.lake.csv_rows import read_csv_text, read_csv_typed
from sf_pipelines.lake.errors import CsvError


class Trickle:
    """A stream that gives a few bytes at a time, as a socket may, and breaks at its end if told to."""

    def __init__(self, content: bytes, *, at_once: int, breaks_with: Exception | None = None) -> None:
        self._content = io.BytesIO(content)
        self._at_once = at_once
        self._breaks_with = breaks_with

    def read(self, size: int = -1, /) -> bytes:
        block = self._content.read(self._at_once if size < 0 else min(size, self._at_once))
        if not block and self._breaks_with is not None:
            raise self._breaks_with
        return block


def _rows(batches: Iterator[pa.RecordBatch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.to_pylist()]


def _text(content: str | bytes, **options: Any) -> list[dict[str, Any]]:
    raw = content if isinstance(content, bytes) else content.encode()
    return _rows(read_csv_text(io.BytesIO(raw), **options))


def _typed(content: str, **types: pa.DataType) -> list[dict[str, Any]]:
    return _rows(read_csv_typed(io.BytesIO(content.encode()), pa.schema(list(types.items()))))


def test_all_columns_are_text_and_the_empty_value_is_null_quoted_or_not() -> None:
    assert _text('"a","b"\n"1",""\n,N/A\n') == [{"a": "1", "b": None}, {"a": None, "b": "N/A"}]


def test_columns_that_are_not_asked_for_are_left_out() -> None:
    assert _text("a,b,c\n1,2,3\n", columns=["c", "a"]) == [{"c": "3", "a": "1"}]


@pytest.mark.parametrize("at_once", [1, 7, 64, 100_000])
@pytest.mark.parametrize("block_bytes", [64, 4096])
def test_rows_are_the_same_however_the_bytes_arrive(at_once: int, block_bytes: int) -> None:
    """A block that ends between CR and LF within quotes once lost the LF of the value."""
    expected = [{"a": str(number), "b": f'line\n"{number}"\r\n, ü'} for number in range(100)]
    lines = [f'{row["a"]},"{row["b"].replace(chr(34), chr(34) * 2)}"\n' for row in expected]
    content = ("a,b\n" + "".join(lines)).encode()

    batches = read_csv_text(Trickle(content, at_once=at_once), block_bytes=block_bytes)

    assert _rows(batches) == expected


def test_a_long_stream_is_read_only_a_few_blocks_ahead() -> None:
    content = io.BytesIO(b"a\n" + (b"y" * 99 + b"\n") * 100_000)

    batches = read_csv_text(content, block_bytes=10_000)
    next(batches)

    assert content.tell() < 1_000_000


def test_a_value_of_the_longest_kind_passes() -> None:
    long = "€" * 131_072

    assert _text(f'a,b\n1,"{long}"\n') == [{"a": "1", "b": long}]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "The CSV is empty: not even a header came"),
        (b"\na\n", "The first line is empty"),
        (b"a,b,a\n", "names the column 'a' 2 times"),
        (b"caf\xe9\n1\n", "The header row is not UTF-8"),
        (b"a,b\n1,2\n3\n", "Row 2 has 1 values and the header 2 names"),
        (b"a,b\n1,2\n3,4,5\n", "Row 2 has 3 values and the header 2 names"),
        (b"a,b\n1,2\n3,caf\xe9\n", "Row 2 is not UTF-8 in the column b"),
        (b"a\n" + b"x" * 5_000 + b"\n1\n", "A row is longer than 1,024 bytes"),
        (b"x" * 2_000_000, "The header row has no end"),
    ],
    ids=["empty", "blank header", "a name twice", "header not UTF-8", "short row", "long row", "not UTF-8",
         "row beyond a block", "no line end"],
)  # fmt: skip
def test_a_wrong_stream_is_refused_with_row_and_column(content: bytes, says: str) -> None:
    with pytest.raises(CsvError, match=says):
        _text(content, block_bytes=1_024)


def test_a_refusal_does_not_repeat_the_row_itself() -> None:
    with pytest.raises(CsvError) as caught:
        _text("a,b\nada@example.com\n")

    assert "ada" not in str(caught.value)


@pytest.mark.parametrize("read", [read_csv_text, lambda stream: read_csv_typed(stream, SCHEMA)])
@pytest.mark.parametrize(
    "content", [b"", b"a\n", b"a\n1\n"], ids=["before all", "after header", "after rows"]
)
def test_an_error_of_the_stream_comes_through_as_it_is(
    read: Callable[[Any], Iterator[pa.RecordBatch]], content: bytes
) -> None:
    broken = ConnectionError("The connection was reset.")

    with pytest.raises(ConnectionError) as caught:
        list(read(Trickle(content, at_once=10, breaks_with=broken)))

    assert caught.value is broken


SCHEMA = pa.schema([("a", pa.int32())])


def test_numbers_are_read_in_all_the_forms_that_a_result_may_have() -> None:
    rows = _typed(
        "i,l,d\n12,9223372036854775807,9.1E8\n12.0,-9223372036854775808.0,-1e-7\n1.2E1,,5\n,0,\n",
        i=pa.int32(),
        l=pa.int64(),
        d=pa.float64(),
    )

    assert rows == [
        {"i": 12, "l": 9223372036854775807, "d": 9.1e8},
        {"i": 12, "l": -9223372036854775808, "d": -1e-7},
        {"i": 12, "l": None, "d": 5.0},
        {"i": None, "l": 0, "d": None},
    ]


def test_moments_are_utc_in_milliseconds() -> None:
    rows = _typed("t\n2026-01-05T10:00:00.123Z\n1700-01-01T00:00:00.000Z\n", t=pa.timestamp("ms", "UTC"))

    assert [row["t"] for row in rows] == [
        datetime(2026, 1, 5, 10, 0, 0, 123_000, tzinfo=UTC),
        datetime(1700, 1, 1, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("12.5", pa.int32()),
        ("2147483648", pa.int32()),
        ("N/A", pa.int64()),
        ("inf", pa.int64()),
        ("1,5", pa.float64()),
        ("maybe", pa.bool_()),
        ("31/12/2026", pa.date32()),
        ("2026-13-01", pa.date32()),
        ("yesterday", pa.timestamp("ms", "UTC")),
        ("25:00:00.000Z", pa.time32("ms")),
    ],
    ids=str,
)
def test_a_value_that_is_not_of_its_type_is_refused_by_column(value: str, kind: pa.DataType) -> None:
    with pytest.raises(CsvError, match="The column Odd holds a value that is no "):
        _typed(f'Odd\n"{value}"\n', Odd=kind)


@pytest.mark.parametrize("rows", ["", "1,2\n"], ids=["no rows", "rows"])
def test_a_result_with_other_columns_than_asked_for_is_refused(rows: str) -> None:
    with pytest.raises(CsvError, match="The result has the columns b, a instead of a, b"):
        _typed(f"b,a\n{rows}", a=pa.string(), b=pa.string())


@pytest.mark.parametrize("content", ["", "a\n", "a"])
def test_a_result_without_rows_gives_none(content: str) -> None:
    assert _typed(content, a=pa.int32()) == []
