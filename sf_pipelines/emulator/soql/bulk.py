"""What Bulk queries refuse (salesforce-api.md section 6).

Belongs here: the refusals and their texts. Not here: what every query refuses (compiler.py).
"""

from __future__ import annotations

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.model import ObjectSchema
from sf_pipelines.emulator.soql.compiler import Compiled
from sf_pipelines.emulator.soql.nodes import Function, Query

_CODE = "API_ERROR"


def refuse_query(item: ObjectSchema, query: Query) -> None:
    """Raise for a query that Bulk doesn't take, whatever its columns.

    Raises:
        SalesforceError: INVALIDENTITY for the object, API_ERROR for a construct.
    """
    if not item.bulk_supported:
        raise SalesforceError("INVALIDENTITY", f"Entity '{item.name}' is not supported by the Bulk API.")
    for found in query.unsupported:
        raise _restriction(f"{found.what} is not supported in Bulk Query")
    if query.offset is not None:
        raise _restriction("OFFSET is not supported in Bulk Query")
    for selected in query.items:
        if isinstance(selected, Function) and selected.name.lower() != "fields":
            raise _restriction("Aggregate Relationship Query is not supported in Bulk Query")


def refuse_columns(compiled: Compiled) -> None:
    """Raise when a compound field is selected.

    Raises:
        SalesforceError: API_ERROR with Bulk's text ([R]).
    """
    if any(column.field.is_compound for column in compiled.columns):
        raise SalesforceError(_CODE, "Selecting compound data not supported in Bulk Query")


def _restriction(what: str) -> SalesforceError:
    return SalesforceError(_CODE, f"Implementation restriction: {what}")
