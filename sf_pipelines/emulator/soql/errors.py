"""SOQL errors with Salesforce's excerpt: the text around the token, a caret under it, then row and column.

Belongs here: the form and the texts ([R] soql-tooling#86, AMP). Not here: when an error applies.
"""

from __future__ import annotations

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.model import FieldSchema
from sf_pipelines.emulator.soql.nodes import Place, Value

_CONTEXT_CHARS = 31
_REFERENCE = "Please reference your WSDL or the describe call for the appropriate names."
_TYPE_NAMES = {"datetime": "dateTime", "currency": "double", "percent": "double"}


def located(code: str, soql: str, place: Place, message: str) -> SalesforceError:
    """An error whose message starts with the caret excerpt of `soql` at `place`."""
    lines = soql.split("\n")
    line = lines[place.row - 1] if place.row <= len(lines) else ""
    start = _word_start(line, place.column - 1 - _CONTEXT_CHARS)
    excerpt = line[start : place.column - 1 + _CONTEXT_CHARS]
    caret = " " * (place.column - 1 - start) + "^"
    where = f"ERROR at Row:{place.row}:Column:{place.column}"
    return SalesforceError(code, f"\n{excerpt}\n{caret}\n{where}\n{message}")


def _word_start(line: str, at: int) -> int:
    """The first position from `at` on that starts a word (0 when the line's start is near)."""
    if at <= 0:
        return 0
    breaks = [position for mark in " ,(" if (position := line.find(mark, at)) >= 0]
    return min([*breaks, at + _CONTEXT_CHARS - 1]) + 1


def unexpected_token(soql: str, place: Place, token: str) -> SalesforceError:
    """The text doesn't follow the grammar here."""
    return located("MALFORMED_QUERY", soql, place, f"unexpected token: '{token}'")


def malformed(soql: str, place: Place, message: str) -> SalesforceError:
    """The query parses and is refused."""
    return located("MALFORMED_QUERY", soql, place, message)


def no_such_object(soql: str, place: Place, name: str) -> SalesforceError:
    """FROM names an object that the org doesn't have."""
    message = (
        f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to "
        f"append the '__c' after the entity name. {_REFERENCE}"
    )
    return located("INVALID_TYPE", soql, place, message)


def no_such_column(soql: str, place: Place, name: str, entity: str) -> SalesforceError:
    """A field that the object doesn't have."""
    message = (
        f"No such column '{name}' on entity '{entity}'. If you are attempting to use a custom field, be "
        f"sure to append the '__c' after the custom field name. {_REFERENCE}"
    )
    return located("INVALID_FIELD", soql, place, message)


def no_such_relationship(soql: str, place: Place, name: str) -> SalesforceError:
    """A parent relationship that the object doesn't have."""
    message = (
        f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom "
        f"relationship, be sure to append the '__r' after the custom relationship name. {_REFERENCE}"
    )
    return located("INVALID_FIELD", soql, place, message)


def wrong_criterion(soql: str, field: FieldSchema, value: Value) -> SalesforceError:
    """A literal that doesn't fit the field's type."""
    kind = "string" if field.is_text or field.is_id else _TYPE_NAMES.get(field.type, field.type)
    quotes = "should be enclosed in quotes" if kind == "string" else "should not be enclosed in quotes"
    message = f"value of filter criterion for field '{field.name}' must be of type {kind} and {quotes}"
    return located("INVALID_FIELD", soql, value.place, message)


def not_filterable(soql: str, place: Place, field: FieldSchema) -> SalesforceError:
    """A field that WHERE can't use."""
    message = f"field '{field.name}' can not be filtered in a query call"
    return located("INVALID_FIELD", soql, place, message)


def not_sortable(soql: str, place: Place, field: FieldSchema) -> SalesforceError:
    """A field that ORDER BY can't use."""
    return malformed(soql, place, f"field '{field.name}' can not be sorted in a query call")


def wrong_operator(soql: str, place: Place, message: str) -> SalesforceError:
    """An operator that the field's type doesn't have, or an id that isn't one."""
    return located("INVALID_QUERY_FILTER_OPERATOR", soql, place, message)


def too_many_parents(soql: str, place: Place, most: int) -> SalesforceError:
    """A path that goes up further than `most` parents."""
    message = (
        f"SOQL statements cannot query foreign key relationships more than {most} levels away from the root "
        "entity object."
    )
    return malformed(soql, place, message)


def too_many_children(soql: str, place: Place, most: int) -> SalesforceError:
    """Subqueries nested further than `most` levels."""
    message = (
        f"SOQL statements cannot query aggregate relationships more than {most} levels away from the root "
        "entity object."
    )
    return malformed(soql, place, message)


def no_such_child_relationship(soql: str, place: Place, name: str) -> SalesforceError:
    """A subquery whose FROM is no child relationship of the object."""
    message = (
        f"Didn't understand relationship '{name}' in FROM part of query call. If you are attempting to use a "
        f"custom relationship, be sure to append the '__r' after the custom relationship name. {_REFERENCE}"
    )
    return located("INVALID_TYPE", soql, place, message)


def not_grouped(soql: str, place: Place, name: str, *, is_order: bool = False) -> SalesforceError:
    """A field beside aggregates that GROUP BY doesn't name."""
    message = f"{'Ordered field' if is_order else 'Field'} must be grouped or aggregated: {name}"
    return malformed(soql, place, message)


def no_such_aggregate(soql: str, place: Place, name: str, operator: str) -> SalesforceError:
    """An aggregate that the field's type doesn't have."""
    return malformed(soql, place, f"field {name} does not support aggregate operator {operator.upper()}")


def not_groupable(soql: str, place: Place, name: str) -> SalesforceError:
    """A field that GROUP BY can't use."""
    return malformed(soql, place, f"field '{name}' can not be grouped in a query call")


def duplicate_alias(soql: str, place: Place, alias: str) -> SalesforceError:
    """Two columns of one name."""
    return malformed(soql, place, f"duplicate alias: {alias}")
