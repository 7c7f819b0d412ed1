"""The fast reader gives what the strict one gives, and leaves every doubt to it."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.emulator.bulk.csv_source import CsvSource
from sf_pipelines.emulator.bulk.strict_csv import (
    MAX_FIELD_CHARS,
    MAX_FIELDS,
    MAX_RECORD_CHARS,
    JobFailedError,
    StrictCsv,
)

pieces = st.lists(st.sampled_from(["a", "é", ",", '"', '""', "\n", "\r\n", "\r", " ", "x,y"]), max_size=40)


@given(pieces=pieces, ending=st.sampled_from(["LF", "CRLF"]), batch=st.integers(1, 5))
def test_any_text_is_read_or_refused_as_the_strict_reader_does(
    pieces: list[str], ending: str, batch: int
) -> None:
    content = "".join(pieces).encode()
    strict = StrictCsv(io.BytesIO(content), delimiter=",", line_ending=ending)
    fast = CsvSource(io.BytesIO(content), delimiter=",", line_ending=ending)
    while True:
        expected = _rows_or_refusal(lambda: strict.batch(batch))
        read = _rows_or_refusal(lambda: fast.batch(batch).rows)
        assert read == expected
        if not expected or isinstance(expected, str):
            return
        assert fast.offset == strict.offset


def _rows_or_refusal(read: Callable[[], list[list[str]]]) -> list[list[str]] | str:
    try:
        return read()
    except JobFailedError as error:
        return str(error)


def test_the_offset_after_some_rows_of_a_batch_is_known() -> None:
    source = CsvSource(io.BytesIO(b'H\n"a\nb"\nc\nd\n'), delimiter=",", line_ending="LF")
    source.header()
    batch = source.batch(3)

    assert [source.offset_after(batch, rows) for rows in range(4)] == [2, 8, 10, 12]
    assert source.offset == batch.end == 12


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("H\n" + "x" * (MAX_FIELD_CHARS + 1) + "\n", "A value is longer than 131072 characters"),
        (
            "H" + ",H" * 4 + "\n" + ",".join(["x" * (MAX_RECORD_CHARS // 5 + 1)] * 5) + "\n",
            "A record is longer than 400000 characters",
        ),
    ],
    ids=["value", "record"],
)
def test_a_record_past_the_documented_sizes_is_refused(content: str, message: str) -> None:
    source = CsvSource(io.BytesIO(content.encode()), delimiter=",", line_ending="LF")
    source.header()

    with pytest.raises(JobFailedError, match=message):
        source.batch(10)


@pytest.mark.parametrize(
    ("header", "message"),
    [("x" * 32_001, "longer than 32000 characters"), ("a," * MAX_FIELDS + "a", "more than 5000 fields")],
    ids=["characters", "fields"],
)
def test_a_header_past_the_documented_sizes_is_refused(header: str, message: str) -> None:
    source = CsvSource(io.BytesIO(header.encode() + b"\n"), delimiter=",", line_ending="LF")

    with pytest.raises(JobFailedError, match=message):
        source.header()
