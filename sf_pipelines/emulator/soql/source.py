"""FROM and WHERE of one SELECT, USING SCOPE included.

Belongs here: which rows a query is about. Not here: single conditions (filters.py), names (scope.py).
"""

from __future__ import annotations

from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.context import QueryContext
from sf_pipelines.emulator.soql.filters import Filters
from sf_pipelines.emulator.soql.functions import Expressions
from sf_pipelines.emulator.soql.literals import Literals
from sf_pipelines.emulator.soql.nodes import Query
from sf_pipelines.emulator.soql.scope import Scope
from sf_pipelines.emulator.soql.semijoin import SemiJoins, check_semi_joins

MAX_OFFSET = 2000
_MINE_SCOPES = frozenset({"mine", "mine_and_my_groups", "my_territory", "my_team_territory", "team"})
_OTHER_SCOPES = frozenset({"everything", "delegated"})


def check_query(query: Query, soql: str) -> None:
    """Refuse what no query may have, whatever it selects.

    Raises:
        SalesforceError: NUMBER_OUTSIDE_VALID_RANGE for OFFSET, MALFORMED_QUERY for a misplaced semi-join.
    """
    if query.offset is not None and query.offset > MAX_OFFSET:
        raise SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
    check_semi_joins(query.where, soql)


class Source:
    """FROM and WHERE of one SELECT."""

    def __init__(self, context: QueryContext, query: Query, scope: Scope) -> None:
        """For `query`, whose names resolve in `scope`."""
        self._context, self._query, self._scope = context, query, scope

    def from_where(self) -> tuple[str, list[Any]]:
        """The SQL with all joins in use so far, and its parameters."""
        conditions, parameters = self.conditions()
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"{self._scope.sql()}{where}", parameters

    def conditions(self) -> tuple[list[str], list[Any]]:
        """The conditions, to be joined by AND, and their parameters."""
        context, scope = self._context, self._scope
        conditions = [] if context.include_deleted else [f'{scope.base}."IsDeleted" = 0']
        filters = Filters(
            resolve=Expressions(scope).resolve,
            subselect=SemiJoins(context, scope.item).sql,
            literals=Literals(soql=context.soql, now=context.now),
        )
        owned = self._owned()
        if owned:
            conditions.append(f'{scope.base}."OwnerId" = ?')
            filters.parameters.append(context.user_id)
        if self._query.where is not None:
            conditions.append(filters.sql(self._query.where))
        return conditions, filters.parameters

    def _owned(self) -> bool:
        """True when USING SCOPE keeps only the user's own records."""
        name = self._query.record_scope
        if name is None:
            return False
        if name.lower() not in _MINE_SCOPES | _OTHER_SCOPES:
            message = f"'{name}' is not a scope of USING SCOPE"
            raise errors.malformed(self._context.soql, self._query.sobject_place, message)
        return name.lower() in _MINE_SCOPES and self._scope.item.field("OwnerId") is not None
