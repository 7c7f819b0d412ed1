"""What Bulk queries refuse (salesforce-api.md section 6).

Belongs here: the refusals and their texts. Not here: what every query refuses (compiler.py).
"""

from __future__ import annotations

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.results import RowShape
from sf_pipelines.emulator.schema.model import ObjectSchema
from sf_pipelines.emulator.soql.functions import is_aggregate
from sf_pipelines.emulator.soql.nodes import Query, SelectItem, Subquery, TypeOf

_CODE = "API_ERROR"


def refuse_query(item: ObjectSchema, query: Query) -> None:
    """Raise for a query that Bulk doesn't take, whatever its columns.

    Raises:
        SalesforceError: INVALIDENTITY for the object, API_ERROR for a construct.
    """
    if not item.bulk_supported:
        raise SalesforceError("INVALIDENTITY", f"Entity '{item.name}' is not supported by the Bulk API.")
    if query.group:
        raise _restriction("GROUP BY is not supported in Bulk Query")
    if query.offset is not None:
        raise _restriction("OFFSET is not supported in Bulk Query")
    for selected in query.items:
        _refuse_item(selected)


def refuse_columns(shape: RowShape) -> None:
    """Raise when a compound field is selected.

    Raises:
        SalesforceError: API_ERROR with Bulk's text ([R]).
    """
    if any(column.field.is_compound for column in shape.columns):
        raise SalesforceError(_CODE, "Selecting compound data not supported in Bulk Query")


def _refuse_item(item: SelectItem) -> None:
    if isinstance(item, Subquery):
        raise _restriction("Parent-to-child subqueries is not supported in Bulk Query")
    if isinstance(item, TypeOf):
        raise _restriction("TYPEOF is not supported in Bulk Query")
    if is_aggregate(item.operand):
        raise _restriction("Aggregate Relationship Query is not supported in Bulk Query")


def _restriction(what: str) -> SalesforceError:
    return SalesforceError(_CODE, f"Implementation restriction: {what}")
