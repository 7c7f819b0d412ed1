"""Quotes of a source's CSV are held to RFC 4180, wherever a block ends."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sf_pipelines.lake.csv_stream import StrictCsvStream
from sf_pipelines.lake.errors import CsvError

cells = st.text(st.sampled_from('ab",\n\r ') | st.characters(exclude_categories=["Cs"]), max_size=6)


def _read(content: bytes, size: int) -> bytes:
    stream = StrictCsvStream(io.BytesIO(content))
    return b"".join(iter(lambda: stream.read(size), b""))


def _written(rows: list[list[str]], *, quote_all: bool) -> bytes:
    text = io.StringIO()
    quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    csv.writer(text, quoting=quoting, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


@settings(deadline=None, max_examples=150, derandomize=True, database=None)
@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=8), st.integers(1, 9), st.booleans())
def test_what_a_correct_writer_wrote_passes_unchanged(
    rows: list[list[str]], size: int, quote_all: bool
) -> None:
    body = _written(rows, quote_all=quote_all)

    assert _read(b"a,b\n" + body, size) == body


@pytest.mark.parametrize("size", [1, 2, 3, 1 << 16])
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'1,x\n2,5" pipe\n3,y\n', "Line 3 has a quote inside a value"),
        (b'1,"x"y\n', "Line 2 has a quote inside a value"),
        (b'1, "x"\n', "Line 2 has a quote inside a value"),
        (b'1,"x"\n2,"abc\n3,"def\n', "Line 4 has a quote inside a value"),
        (b'1,"two\nlines"\n2,"abc\n3,x\n', "The quote opened on line 4 is never closed"),
        (b'1,"', "The quote opened on line 2 is never closed"),
    ],
)
def test_a_stray_quote_is_told_by_its_line(body: bytes, says: str, size: int) -> None:
    with pytest.raises(CsvError, match=f"^{says}"):
        _read(b"a,b\n" + body, size)


def test_lines_are_counted_from_the_top_of_the_file() -> None:
    with pytest.raises(CsvError, match=r"^Line 4 has a quote"):
        _read(b'a,"b\nc"\n1,2\n3,x"\n', 4)
