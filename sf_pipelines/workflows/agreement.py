"""Whether org and warehouse hold the same live rows: every Id with its SystemModstamp, both ways."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from sf_pipelines.lake.raw_tables import quoted_table, table_name
from sf_pipelines.workflows.errors import WorkflowError
from sf_pipelines.workflows.soql import api_name
from sf_pipelines.workflows.tools import Tools

_HAS_DELETED = text(
    "SELECT count(*) FROM information_schema.columns "
    "WHERE table_schema = 'raw' AND table_name = :table AND column_name = 'IsDeleted'"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """Rows of one object on both sides, and how they differ.

    Attributes:
        missing: rows of the org that the warehouse lacks; extra: rows that only the warehouse has.
        stale: rows that both have, with different SystemModstamp.
    """

    sobject: str
    org_rows: int
    warehouse_rows: int
    missing: int
    extra: int
    stale: int

    @property
    def agrees(self) -> bool:
        """Whether both sides are the same."""
        return not (self.missing or self.extra or self.stale)


def compare(sobject: str, tools: Tools) -> Agreement:
    """Compare an object row by row; holds Id and time of every row in memory.

    Raises:
        SalesforceError: the org cannot be asked.
        WorkflowError: the object was never extracted.
    """
    org = _org_rows(sobject, tools)
    warehouse = _warehouse_rows(sobject, tools)
    both = org.keys() & warehouse.keys()
    return Agreement(
        sobject=sobject,
        org_rows=len(org),
        warehouse_rows=len(warehouse),
        missing=len(org.keys() - both),
        extra=len(warehouse.keys() - both),
        stale=sum(org[id_] != warehouse[id_] for id_ in both),
    )


def _org_rows(sobject: str, tools: Tools) -> dict[str, datetime]:
    pages = tools.client.rest.query(f"SELECT Id, SystemModstamp FROM {api_name(sobject)}")
    return {
        record["Id"]: datetime.fromisoformat(record["SystemModstamp"])
        for page in pages
        for record in page.records
    }


def _warehouse_rows(sobject: str, tools: Tools) -> dict[str, datetime]:
    table = quoted_table(sobject)
    with tools.engine.connect() as connection:
        if connection.execute(text("SELECT to_regclass(:name)"), {"name": table}).scalar() is None:
            raise WorkflowError(f"{table_name(sobject)} does not exist: extract {sobject} first.")
        has_deleted = connection.execute(_HAS_DELETED, {"table": sobject.lower()}).scalar()
        live = ' WHERE "IsDeleted" IS NOT TRUE' if has_deleted else ""
        rows = connection.execute(text(f'SELECT "Id", "SystemModstamp" FROM {table}{live}'))
        return {row[0]: row[1] for row in rows}
