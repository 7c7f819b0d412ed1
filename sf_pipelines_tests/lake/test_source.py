"""Sources of a load: what comes out of files and tables as text, and one sentence for each thing wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, create_engine, text

from sf_pipelines.lake.errors import SourceError
from sf_pipelines.lake.source import read_source
from sf_pipelines.model.sync import Source, SourceKind

Rows = list[dict[str, str | None]]


def _read(kind: SourceKind, location: str, columns: list[str], engine: Engine | None = None) -> Rows:
    batches = list(read_source(Source(kind=kind, location=location), columns, engine=engine))
    assert all(batch.schema == pa.schema([(name, pa.string()) for name in columns]) for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()]


def _read_csv(path: Path, content: str | bytes, columns: list[str]) -> Rows:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return _read(SourceKind.CSV, str(path), columns)


def _refusal(read: Callable[[], object]) -> str:
    """The one clear sentence of a refusal."""
    with pytest.raises(SourceError) as caught:
        read()
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 300
    return sentence


@pytest.fixture
def csv_path(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def test_columns_come_as_asked_for_and_others_are_left_out(csv_path: Path) -> None:
    assert _read_csv(csv_path, "a,b,c\n1,2,3\n", ["c", "a"]) == [{"c": "3", "a": "1"}]


def test_text_of_a_csv_is_untouched_and_only_the_empty_value_is_null(csv_path: Path) -> None:
    content = 'a,b\n007,N/A\n1e5,\n"",NULL\n" x ",#N/A\ntrue,2026-01-05\n'

    rows = _read_csv(csv_path, content, ["a", "b"])

    assert [tuple(row.values()) for row in rows] == [
        ("007", "N/A"), ("1e5", None), (None, "NULL"), (" x ", "#N/A"), ("true", "2026-01-05"),
    ]  # fmt: skip


def test_values_in_quotes_hold_line_ends_quotes_and_commas(csv_path: Path) -> None:
    content = 'a,b\n"one\ntwo\r\nthree","say ""hi"", you"\n'

    assert _read_csv(csv_path, content, ["a", "b"]) == [{"a": "one\ntwo\r\nthree", "b": 'say "hi", you'}]


@pytest.mark.parametrize(
    "content",
    ["\ufeffa,b\n1,ü\n", "a,b\r\n1,ü\r\n", "a,b\n1,ü", '"a","b"\n"1","ü"\n', "a,b\n\n1,ü\n\n"],
    ids=["byte order mark", "CRLF", "no last line end", "all quoted", "blank lines"],
)
def test_usual_ways_of_writing_a_csv_are_the_same(csv_path: Path, content: str) -> None:
    assert _read_csv(csv_path, content, ["a", "b"]) == [{"a": "1", "b": "ü"}]


def test_a_column_name_may_hold_a_line_end(csv_path: Path) -> None:
    content = 'id,"Annual\nRevenue"\n007,1e5\n'

    assert _read_csv(csv_path, content, ["id", "Annual\nRevenue"]) == [
        {"id": "007", "Annual\nRevenue": "1e5"}
    ]


def test_a_csv_with_only_a_header_has_no_rows(csv_path: Path) -> None:
    assert _read_csv(csv_path, "a,b\n", ["a"]) == []
    assert _read_csv(csv_path, "a,b", ["a"]) == []


def test_a_large_csv_comes_in_many_batches(csv_path: Path) -> None:
    csv_path.write_text("a,b\n" + "".join(f"{number},{'x' * 200}\n" for number in range(50_000)))

    batches = list(read_source(Source(kind=SourceKind.CSV, location=str(csv_path)), ["a"]))

    assert len(batches) > 3
    assert [text for batch in batches for text in batch.column("a").to_pylist()] == list(
        map(str, range(50_000))
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "rows.csv is empty: it needs a header row"),
        (b"a,c\n1,2\n", r"has no column name.*; it has a, c"),
        (b"a,nmae\n1,2\n", r"has no column name \(did you mean nmae\?\); it has a, nmae"),
        (b"a,name,name\n1,2,3\n", r"'name' 2 times"),
        (b"\n\na,name\n", "first line is empty"),
        (b"a,name\n1,x\n2,caf\xe9\n", "line 3 is not UTF-8: save the file as UTF-8"),
        (b"a,name,caf\xe9\n1,x,y\n", "line 1 is not UTF-8"),
        (b"a,name\n1,x\n2,y,z\n", "line 3 has 3 values, the header 2 names: mend the row"),
        (b'a,name\n"1\n1",x\n2\n', "line 4 has 1 values, the header 2 names"),
        (b'a,name\n1,x\n2,"open\n3,y\n', "quote opened on line 3 is never closed"),
        (b'a,name\n1,x"y"\n2,z\n', "Line 2 has a quote inside a value"),
    ],
    ids=["empty file", "no such column", "a near column", "a column twice", "blank first line",
         "not UTF-8", "header not UTF-8", "a value too many", "a value too few", "open quote", "stray quote"],
)  # fmt: skip
def test_a_wrong_csv_is_told_by_file_and_line(csv_path: Path, content: bytes, says: str) -> None:
    sentence = _refusal(lambda: _read_csv(csv_path, content, ["name"]))

    assert re.search(says, sentence), sentence
    assert str(csv_path) in sentence


def test_rows_before_a_broken_line_do_not_hide_it(csv_path: Path) -> None:
    lines = "".join(f"{number},{'x' * 100}\n" for number in range(60_000))
    content = f"a,b\n{lines}60000,\n".encode() + b"60001,\xff\n"

    assert "line 60003 is not UTF-8" in _refusal(lambda: _read_csv(csv_path, content, ["a"]))


@pytest.mark.parametrize("kind", [SourceKind.CSV, SourceKind.PARQUET])
def test_a_missing_file_is_named_with_the_mend(tmp_path: Path, kind: SourceKind) -> None:
    path = tmp_path / "gone"

    sentence = _refusal(lambda: _read(kind, str(path), ["a"]))

    assert sentence == f"The source file {path} does not exist: check the folder and the name."


@pytest.mark.parametrize("kind", [SourceKind.CSV, SourceKind.PARQUET])
def test_a_folder_is_no_file(tmp_path: Path, kind: SourceKind) -> None:
    assert "Is a directory" in _refusal(lambda: _read(kind, str(tmp_path), ["a"]))


def test_a_path_is_relative_to_the_base_folder(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a\n1\n")
    source = Source(kind=SourceKind.CSV, location="rows.csv")

    (batch,) = read_source(source, ["a"], base_folder=tmp_path)

    assert batch.to_pylist() == [{"a": "1"}]


def test_a_parquet_file_comes_as_text_column_by_column(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"n": [1, None], "name": ["x", ""], "other": [b"\0", b"\1"]}), path)

    assert _read(SourceKind.PARQUET, str(path), ["name", "n"]) == [
        {"name": "x", "n": "1"},
        {"name": None, "n": None},
    ]


@pytest.mark.parametrize(
    ("columns", "says"),
    [(["nam"], r"no column nam \(did you mean name\?\)"), (["raw"], r"The column raw of .* holds bytes")],
)
def test_a_parquet_column_that_is_missing_or_has_no_text_is_refused(
    tmp_path: Path, columns: list[str], says: str
) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"name": ["x"], "raw": [b"\0"]}), path)

    assert re.search(says, _refusal(lambda: _read(SourceKind.PARQUET, str(path), columns)))


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n" * 10], ids=["empty", "a CSV"])
def test_what_is_no_parquet_file_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(content)

    assert f"{path} cannot be read as Parquet" in _refusal(
        lambda: _read(SourceKind.PARQUET, str(path), ["a"])
    )


def test_values_of_a_query_become_the_text_that_salesforce_takes(engine: Engine) -> None:
    values = {
        "true": "true",
        "1": "1",
        "9223372036854775807": "9223372036854775807",
        "1100.04::numeric": "1100.04",
        "1e20::numeric": "100000000000000000000",
        "0.1::float8": "0.1",
        "1e22::float8": "10000000000000000000000",
        "5.0::float8": "5",
        "1.5e-7::float8": "0.00000015",
        "date '1700-01-01'": "1700-01-01",
        "timestamptz '2026-01-05 12:00:00.1239+02'": "2026-01-05T10:00:00.123Z",
        "timestamp '2026-01-05 12:00:00'": "2026-01-05T12:00:00.000Z",
        "time '07:08:09'": "07:08:09.000Z",
        "'00000000-0000-0000-0000-000000000001'::uuid": "00000000-0000-0000-0000-000000000001",
        "ARRAY['red','blue']": "red;blue",
        '\'{"a": "é"}\'::jsonb': '{"a": "é"}',
        "''": None,
        "NULL": None,
        "' 007 '": " 007 ",
    }
    names = [f"c{number}" for number in range(len(values))]
    selected = ", ".join(f"{value} AS {name}" for value, name in zip(values, names, strict=True))

    (row,) = _read(SourceKind.SQL, f"SELECT {selected}", names, engine)

    assert dict(zip(values, row.values(), strict=True)) == values


def test_a_table_is_read_by_its_name_and_the_case_of_its_columns(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text('CREATE SCHEMA crm; CREATE TABLE crm."Account" ("Name" text, n int)'))
        connection.execute(text("""INSERT INTO crm."Account" VALUES ('Acme', 1), (NULL, 2)"""))

    rows = _read(SourceKind.TABLE, "crm.Account", ["n", "Name"], engine)

    assert rows == [{"n": "1", "Name": "Acme"}, {"n": "2", "Name": None}]


def test_a_query_may_hold_percent_signs_and_a_semicolon(engine: Engine) -> None:
    query = "SELECT name FROM (VALUES ('50%'), ('a'), ('%s')) AS t (name) WHERE name LIKE '%\\%%' ORDER BY 1;"

    assert _read(SourceKind.SQL, query, ["name"], engine) == [{"name": "%s"}, {"name": "50%"}]


def test_a_query_without_rows_gives_none(engine: Engine) -> None:
    assert _read(SourceKind.SQL, "SELECT 1 AS a WHERE false", ["a"], engine) == []


def test_many_rows_of_a_query_are_streamed_in_batches(engine: Engine) -> None:
    source = Source(kind=SourceKind.SQL, location="SELECT g AS a FROM generate_series(1, 25000) AS g")

    batches = list(read_source(source, ["a"], engine=engine))

    assert [batch.num_rows for batch in batches] == [10_000, 10_000, 5_000]
    assert batches[-1].column("a")[-1].as_py() == "25000"


def test_a_reader_that_stops_early_gives_its_connection_back(engine: Engine) -> None:
    source = Source(kind=SourceKind.SQL, location="SELECT g AS a FROM generate_series(1, 25000) AS g")

    batches = read_source(source, ["a"], engine=engine)
    next(batches)
    batches.close()  # type: ignore[attr-defined]

    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "location", "says"),
    [
        (SourceKind.TABLE, "crm.nowhere", r'table crm\.nowhere cannot be read: relation ".*" does not exist'),
        (SourceKind.SQL, "SELEC 1", r"The query 'SELEC 1' cannot be read: syntax error at or near \"SELEC\""),
        (SourceKind.SQL, "SELECT 1 AS amuont", r"has no column amount \(did you mean amuont\?\)"),
        (SourceKind.SQL, "SELECT 1 AS amount, 2 AS amount", r"has 2 columns named amount"),
        (SourceKind.SQL, "SELECT 1/0 AS amount", r"cannot be read: division by zero"),
        (SourceKind.SQL, "SELECT '\\x00'::bytea AS amount", r"column amount of The query .* holds \w+"),
        (SourceKind.SQL, "SELECT '20000-01-01'::date AS amount", r"holds a value that cannot be read"),
        (SourceKind.SQL, "DELETE FROM ledger.decision", r"syntax error"),
    ],
    ids=["unknown table", "bad SQL", "a near column", "a column twice", "division by zero", "binary data",
         "a date beyond the calendar", "not a query"],
)  # fmt: skip
def test_a_wrong_database_source_is_told_by_name(
    engine: Engine, kind: SourceKind, location: str, says: str
) -> None:
    sentence = _refusal(lambda: _read(kind, location, ["amount"], engine))

    assert re.search(says, sentence), sentence


def test_a_long_query_is_not_repeated_in_the_sentence(engine: Engine) -> None:
    query = f"SELECT nothing FROM nowhere WHERE {' AND '.join(['1 = 1'] * 100)}"

    assert "SELECT nothing FROM nowhere WHERE 1 = 1" in _refusal(
        lambda: _read(SourceKind.SQL, query, ["a"], engine)
    )


def test_a_database_source_without_a_database_is_refused() -> None:
    assert "needs a database and none is configured" in _refusal(
        lambda: _read(SourceKind.TABLE, "crm.account", ["a"])
    )


def test_an_unreachable_database_is_told_without_its_password() -> None:
    engine = create_engine("postgresql+psycopg2://ada:hidden@127.0.0.1:1/crm")

    sentence = _refusal(lambda: _read(SourceKind.TABLE, "crm.account", ["a"], engine))

    assert "The table crm.account cannot be read" in sentence
    assert "hidden" not in sentence


@pytest.mark.parametrize(
    ("encoding", "line_end"),
    [("utf-8-sig", "\n"), ("utf-8", "\r\n"), ("utf-16", "\r\n"), ("windows-1252", "\n"), ("utf-16-le", "\n")],
)
def test_a_file_of_any_encoding_and_line_end_gives_the_same_text(
    tmp_path: Path, encoding: str, line_end: str
) -> None:
    path = tmp_path / "a.csv"
    rows = ["key,name", 'k1,"Größe, ""M"""', 'k2,"two', 'lines"', "k3,café"]
    path.write_bytes(line_end.join(rows).encode(encoding))
    declared = encoding.removesuffix("-sig")

    source = Source(kind=SourceKind.CSV, location=str(path), encoding=declared)
    (batch,) = read_source(source, ["key", "name"])

    assert batch.column(1).to_pylist() == ['Größe, "M"', f"two{line_end}lines", "café"]


def test_a_file_that_is_not_of_its_declared_encoding_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"key\nk1\n\xff")
    source = Source(kind=SourceKind.CSV, location=str(path), encoding="ascii")

    with pytest.raises(SourceError, match=r"is not ascii .*: set its encoding to what it is"):
        list(read_source(source, ["key"]))
