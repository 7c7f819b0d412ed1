"""Functions of one value: date functions, toLabel(), format(), convertCurrency(), convertTimezone().

Weeks and time zone are those of dates.py (Sunday first, UTC); the fiscal year is the calendar year; the org
has one currency and the locale en_US.
Belongs here: a call to SQL and the type of its result. Not here: aggregates (aggregates.py).
"""

from __future__ import annotations

from collections.abc import Callable

from sf_pipelines.emulator.schema.model import NUMBER_TYPES, FieldSchema, FieldType
from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.nodes import Function, Operand, Path
from sf_pipelines.emulator.soql.scope import Resolved, Scope

# strftime's letters; a quarter and the weeks are counted from them ([D] SOQL reference, date functions).
_YEAR, _QUARTER, _MONTH = "{%Y}", "(({%m} + 2) / 3)", "{%m}"
DATE_PARTS = {
    "calendar_year": _YEAR,
    "calendar_quarter": _QUARTER,
    "calendar_month": _MONTH,
    "fiscal_year": _YEAR,
    "fiscal_quarter": _QUARTER,
    "fiscal_month": _MONTH,
    "day_in_month": "{%d}",
    "day_in_week": "({%w} + 1)",
    "day_in_year": "{%j}",
    "hour_in_day": "{%H}",
    "week_in_month": "(({%d} + 6) / 7)",
    "week_in_year": "(({%j} + 6) / 7)",
}
DAY_ONLY, HOUR_IN_DAY, CONVERT_TIMEZONE = "day_only", "hour_in_day", "converttimezone"
DATE_FUNCTIONS = frozenset({*DATE_PARTS, DAY_ONLY})
AGGREGATES = frozenset({"count", "count_distinct", "sum", "avg", "min", "max", "grouping"})
# Functions that only show a value otherwise; in an aggregate query they take what GROUP BY names.
SHOWING = frozenset({"tolabel", "format", "convertcurrency"})
_GEO = frozenset({"distance", "geolocation"})
# [I]: what FORMAT() puts before an amount in an org with one currency, locale en_US.
CURRENCY_SIGN = "$"
_CENTS = 2


def is_date_function(operand: Operand) -> bool:
    """True for a call such as CALENDAR_YEAR(CreatedDate)."""
    return isinstance(operand, Function) and operand.name.lower() in DATE_FUNCTIONS


def is_aggregate(operand: Operand) -> bool:
    """True for an aggregate, also inside of a function that only shows it: FORMAT(MAX(CloseDate))."""
    if not isinstance(operand, Function):
        return False
    if operand.name.lower() in AGGREGATES:
        return True
    return any(is_aggregate(argument) for argument in operand.arguments if isinstance(argument, Function))


class Expressions:
    """Resolves fields and functions of one value in a scope."""

    def __init__(self, scope: Scope) -> None:
        """Everything resolves in `scope`."""
        self.scope = scope

    def resolve(self, operand: Operand) -> Resolved:
        """The SQL and the type of `operand`.

        Raises:
            SalesforceError: INVALID_FIELD or MALFORMED_QUERY for a name or a use that isn't allowed.
        """
        if isinstance(operand, Path):
            return self.scope.resolve(operand)
        return self.apply(operand, self.resolve)

    def apply(self, function: Function, resolve: Callable[[Operand], Resolved]) -> Resolved:
        """The function of one value whose argument `resolve` knows."""
        name = function.name.lower()
        if name in _GEO or (name not in _APPLIERS and name not in AGGREGATES):
            raise self._refused(function, f"The function {function.name}() is not supported by this org")
        if name in AGGREGATES:
            raise self._refused(function, f"The aggregate function {function.name}() is not allowed here")
        [argument] = function.arguments if len(function.arguments) == 1 else [""]
        if isinstance(argument, str):
            raise self._refused(function, f"The function {function.name}() takes one field")
        return _APPLIERS[name](self, function, resolve(argument))

    def date_part(self, function: Function, inner: Resolved) -> Resolved:
        """A number from a date or dateTime."""
        self._check_date(function, inner, is_for_time=function.name.lower() == HOUR_IN_DAY)
        moment = f"{inner.expression} / 1000.0, 'unixepoch'"
        source = moment if inner.field.type == "datetime" else inner.expression
        sql = DATE_PARTS[function.name.lower()]
        for letter in "YmdwjH":
            sql = sql.replace(f"{{%{letter}}}", f"CAST(strftime('%{letter}', {source}) AS INTEGER)")
        return _computed(function, inner, "int", sql)

    def day_only(self, function: Function, inner: Resolved) -> Resolved:
        """The day of a dateTime."""
        self._check_date(function, inner, is_for_time=True)
        return _computed(function, inner, "date", f"date({inner.expression} / 1000.0, 'unixepoch')")

    def label(self, function: Function, inner: Resolved) -> Resolved:
        """A picklist value's label; any other value as it is."""
        labels = [one for one in inner.field.picklist_values if one.label != one.value]
        if not labels:
            return inner
        cases = " ".join(f"WHEN {_text(one.value)} THEN {_text(one.label)}" for one in labels)
        sql = f"(CASE {inner.expression} {cases} ELSE {inner.expression} END COLLATE NOCASE)"
        return Resolved(path=inner.path, field=inner.field, expression=sql)

    def formatted(self, _function: Function, inner: Resolved) -> Resolved:
        """A number, date or dateTime as the locale en_US writes it; other values as they are."""
        sql = _formatted_sql(inner.field, inner.expression)
        if sql is None:
            return inner
        field = FieldSchema(name=inner.field.name, label=inner.field.label, type="string", length=255)
        return Resolved(path=inner.path, field=field, expression=f"({sql} COLLATE NOCASE)")

    def converted_currency(self, function: Function, inner: Resolved) -> Resolved:
        """The amount itself: the org has one currency."""
        if inner.field.type != "currency":
            raise self._refused(function, f"The function {function.name}() takes a currency field")
        return inner

    def converted_timezone(self, function: Function, inner: Resolved) -> Resolved:
        """The dateTime itself: the user's time zone is UTC."""
        self._check_date(function, inner, is_for_time=True)
        return inner

    def _check_date(self, function: Function, inner: Resolved, *, is_for_time: bool) -> None:
        if inner.field.type != "datetime" and (is_for_time or inner.field.type != "date"):
            kinds = "a dateTime field" if is_for_time else "a date or dateTime field"
            raise self._refused(function, f"The function {function.name}() takes {kinds}")

    def _refused(self, function: Function, message: str) -> Exception:
        return errors.malformed(self.scope.soql, function.place, message)


def _computed(function: Function, inner: Resolved, kind: FieldType, sql: str) -> Resolved:
    name = f"{function.name.upper()}({'.'.join(inner.path)})"
    field = FieldSchema(name=name, label=name, type=kind)
    return Resolved(path=inner.path, field=field, expression=sql)


def _formatted_sql(field: FieldSchema, sql: str) -> str | None:
    if field.type in NUMBER_TYPES:
        return _formatted_number(field, sql)
    if field.type == "date":
        return _us_date(sql)
    if field.type == "datetime":
        moment = f"{sql} / 1000.0, 'unixepoch'"
        hour = f"CAST(strftime('%H', {moment}) AS INTEGER)"
        clock = f"(({hour} + 11) % 12 + 1) || strftime(':%M', {moment})"
        return f"{_us_date(moment)} || ', ' || {clock} || iif({hour} < 12, ' AM', ' PM')"
    return None


def _formatted_number(field: FieldSchema, sql: str) -> str:
    is_money = field.type == "currency"
    scale = max(field.scale, _CENTS) if is_money else field.scale
    digits = f"printf('%.{scale}f', abs({sql}))"
    text = f"printf('{CURRENCY_SIGN if is_money else ''}%,d', CAST({digits} AS INTEGER))"
    if scale:
        text = f"{text} || substr({digits}, instr({digits}, '.'))"
    if field.type == "percent":
        text = f"{text} || '%'"
    return f"CASE WHEN {sql} < 0 THEN '-' || {text} WHEN {sql} >= 0 THEN {text} END"


def _us_date(moment: str) -> str:
    month, day = (f"CAST(strftime('%{letter}', {moment}) AS INTEGER)" for letter in "md")
    return f"{month} || '/' || {day} || strftime('/%Y', {moment})"


def _text(value: str) -> str:
    """An SQL literal."""
    return "'" + value.replace("'", "''") + "'"


_APPLIERS: dict[str, Callable[[Expressions, Function, Resolved], Resolved]] = {
    **dict.fromkeys(DATE_PARTS, Expressions.date_part),
    DAY_ONLY: Expressions.day_only,
    "tolabel": Expressions.label,
    "format": Expressions.formatted,
    "convertcurrency": Expressions.converted_currency,
    CONVERT_TIMEZONE: Expressions.converted_timezone,
}
