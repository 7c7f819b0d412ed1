"""The fast reader gives what the strict one gives, and leaves every doubt to it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sf_pipelines.emulator.bulk.csv_source import CsvSource
from sf_pipelines.emulator.bulk.row_sets import ColumnRows, columns_of
from sf_pipelines.emulator.bulk.split_csv import split_columns
from sf_pipelines.emulator.bulk.strict_csv import (
    MAX_FIELD_CHARS,
    MAX_FIELDS,
    MAX_RECORD_CHARS,
    JobFailedError,
    StrictCsv,
)

pieces = st.lists(
    st.sampled_from(
        ["a", "é", ",", '"', '""', "\n", "\r\n", "\r", " ", "x,y", "\x1e", "\x1f", "a,b\n", '"a,""b\n",c\n']
    ),
    max_size=40,
)


@given(pieces=pieces, ending=st.sampled_from(["LF", "CRLF"]), batch=st.integers(1, 5))
@example(pieces=['""', ",", 'a"'], ending="LF", batch=1)
def test_any_text_is_read_or_refused_as_the_strict_reader_does(
    pieces: list[str], ending: str, batch: int
) -> None:
    content = "".join(pieces).encode()
    strict = StrictCsv(io.BytesIO(content), delimiter=",", line_ending=ending)
    fast = CsvSource(io.BytesIO(content), delimiter=",", line_ending=ending)
    while True:
        expected = _rows_or_refusal(lambda: strict.batch(batch))
        read = _rows_or_refusal(lambda: list(map(list, fast.batch(batch).rows)))
        assert read == expected
        if not expected or isinstance(expected, str):
            return
        assert fast.offset == strict.offset


def _rows_or_refusal(read: Callable[[], list[list[str]]]) -> list[list[str]] | str:
    try:
        return read()
    except JobFailedError as error:
        return str(error)


@given(
    rows=st.lists(st.tuples(*[st.text(st.sampled_from('a,"é '), max_size=4)] * 3), min_size=1, max_size=9),
    ending=st.sampled_from(["\n", "\r\n"]),
    delimiter=st.sampled_from([",", "|"]),
)
def test_one_line_records_of_equal_width_become_columns(
    rows: list[tuple[str, ...]], ending: str, delimiter: str
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=ending).writerows(rows)

    columns = split_columns(text.getvalue(), delimiter=delimiter, newline=ending, records=len(rows))

    assert columns == [list(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("odd_line", ["", "a,b,c\n", '"a\n",b\n', "\n"])
def test_a_batch_of_many_lines_is_read_as_the_strict_reader_does(odd_line: str) -> None:
    lines = [f'"{number}, ""x""",{number}\n' for number in range(4_500)]
    content = "".join([*lines[:3_000], odd_line, *lines[3_000:]]).encode()
    strict = StrictCsv(io.BytesIO(content), delimiter=",", line_ending="LF")
    fast = CsvSource(io.BytesIO(content), delimiter=",", line_ending="LF")

    for rows in (4_200, 4_200, 1):
        assert list(map(list, fast.batch(rows).rows)) == strict.batch(rows)
        assert fast.offset == strict.offset


def test_a_run_of_rows_made_of_columns_is_that_of_the_rows() -> None:
    rows = ColumnRows([["1", "2", "3"], ["a", "b", "c"]])

    assert list(map(list, rows)) == [["1", "a"], ["2", "b"], ["3", "c"]]
    assert list(map(list, rows[1:])) == [["2", "b"], ["3", "c"]]
    assert columns_of(rows[:2]) == [["1", "2"], ["a", "b"]]
    assert rows[:3] is rows


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
