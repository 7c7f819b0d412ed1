"""SQL expressions of a schema file: formulas and the conditions of rules.

An expression sees the fields of its own record by their API names, in storage form: text and dates as text,
dateTime as milliseconds since 1970, a checkbox as 0 or 1, null as NULL. It is SQLite's: operators, CASE, IN,
LIKE, functions such as ifnull, length, substr, round, coalesce. Subqueries, aggregates and anything that
isn't the same at each reading (random, the wall clock) are refused.
Belongs here: guarding and checking of expressions. Not here: the keys around them (fields.py, rule_keys.py).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping

from sf_pipelines.emulator.schema.errors import SchemaError

FORMULA_TEXT_CHARS = 1300
# Years 1700 to 4000, the range of a Salesforce dateTime, in milliseconds since 1970.
_MIN_EPOCH_MS, _MAX_EPOCH_MS = -8_520_336_000_000, 64_092_211_200_000
_GUARDS = {
    "string": f"substr(CAST(({{0}}) AS TEXT), 1, {FORMULA_TEXT_CHARS})",
    "boolean": "(ifnull(({0}), 0) <> 0)",
    "date": "date({0})",
    "datetime": "(CASE WHEN typeof({0}) IN ('integer', 'real') AND ({0}) BETWEEN "
    f"{_MIN_EPOCH_MS} AND {_MAX_EPOCH_MS - 1} THEN CAST(({{0}}) AS INTEGER) END)",
}
_NUMBER_GUARD = "(CASE WHEN abs(CAST(({0}) AS REAL)) < 1e18 THEN round(CAST(({0}) AS REAL), {1}) END)"
FORMULA_TYPES = ("string", "double", "currency", "percent", "boolean", "date", "datetime")
_TEXT = r"'(?:[^']|'')*'"
# A parameter outside text: text is matched first and kept.
_PARAMETER = re.compile(_TEXT + r"|:(today|now)\b")


def guarded(expression: str, kind: str, scale: int) -> str:
    """`expression` so that it always gives a value that the type `kind` can show, or null."""
    guard = _GUARDS.get(kind, _NUMBER_GUARD)
    return guard.replace("{0}", expression).replace("{1}", str(scale))


def with_time(condition: str, today: str, now_epoch_ms: int) -> str:
    """`condition` with `:today` (yyyy-MM-dd) and `:now` (milliseconds since 1970) replaced by constants."""
    constants = {"today": f"'{today}'", "now": str(now_epoch_ms)}
    return _PARAMETER.sub(lambda match: constants.get(match[1] or "", match[0]), condition)


def check_formula(definitions: Mapping[str, str], name: str, formula: str, place: str) -> None:
    """Check that the generated column `name` of a table with these column definitions can be read.

    Raises:
        SchemaError: it can't; the text holds SQLite's reason.
    """
    _refuse_quoted_names(formula, place)
    try:
        _probe(definitions.values(), f'SELECT "{name}" FROM probe')
    except sqlite3.Error as error:
        raise _refusal(place, error) from None


def check_condition(definitions: Mapping[str, str], condition: str, place: str) -> None:
    """Check that the condition of a rule can be asked of a row with these columns.

    Raises:
        SchemaError: it can't; the text holds SQLite's reason.
    """
    _refuse_quoted_names(condition, place)
    # A generated column refuses what a rule must not hold: subqueries, aggregates, the wall clock.
    sample = with_time(condition, "2000-01-01", 0)
    column = f'"probe$" INTEGER GENERATED ALWAYS AS ({sample}) VIRTUAL'
    try:
        _probe([*definitions.values(), column], 'SELECT "probe$" FROM probe')
    except sqlite3.Error as error:
        raise _refusal(place, error) from None


def _refuse_quoted_names(expression: str, place: str) -> None:
    """SQLite would read a quoted name that it doesn't know as text, and a typing error would go unseen."""
    if any(mark in re.sub(_TEXT, "", expression) for mark in '"`[;'):
        raise SchemaError(
            f"{place}: write field names without quotes or brackets, text in single quotes; no semicolons."
        )


def _probe(definitions: Iterable[str], select: str) -> None:
    database = sqlite3.connect(":memory:")
    try:
        database.create_function("sf_normal", 1, lambda value: value, deterministic=True)
        database.execute(f'CREATE TABLE probe ("row" INTEGER PRIMARY KEY, {", ".join(definitions)})')
        database.execute('INSERT INTO probe ("row") VALUES (1)')
        database.execute(select).fetchall()
    finally:
        database.close()


def _refusal(place: str, error: sqlite3.Error) -> SchemaError:
    return SchemaError(
        f"{place} isn't an SQL expression over the record's fields: {error}. Name fields by their API names, "
        "put text in single quotes, and leave subqueries and the wall clock out."
    )
