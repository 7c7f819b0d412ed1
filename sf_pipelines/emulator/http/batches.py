"""Writes records of several types in request order, as one operation.

Belongs here: chunks of consecutive same-typed records, allOrNone over all of them. Not here: reading the
request. Imports errors, org, results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Protocol

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.results import RowResult
from sf_pipelines.emulator.store import Transaction

# [D] section 3.4: at most ten runs of records of one type; the text is Apex's own for the same rule.
MAX_CHUNKS = 10
_TOO_MANY_CHUNKS = (
    "Cannot have more than 10 chunks in a single operation. Please rearrange the data to reduce chunking."
)
_ROLLED_BACK = SalesforceError(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)

_UNDONE = RowResult(id=None, success=False, errors=(_ROLLED_BACK,))

TypedRecord = tuple[str | RowResult, dict[str, Any]]
"""A record behind the name of its type, or behind the result that refuses it before the org is asked."""


class Verb(Protocol):
    """`org.create`, `org.update`, ... with all else bound."""

    def __call__(
        self, sobject: str, records: Sequence[Mapping[str, Any]], /, *, all_or_none: bool
    ) -> Sequence[RowResult]:
        """Write records of one type."""
        ...


def run_batches(
    org: Org, records: Sequence[TypedRecord], verb: Verb, *, all_or_none: bool
) -> Sequence[RowResult]:
    """One result for each record, in order.

    Raises:
        SalesforceError: the records change type too often.
    """
    chunks = [(key, [one[1] for one in group]) for key, group in groupby(records, key=lambda one: one[0])]
    if _runs_of_types(records) > MAX_CHUNKS:
        raise SalesforceError("LIMIT_EXCEEDED", _TOO_MANY_CHUNKS)
    is_one_call = len(chunks) == 1 and isinstance(chunks[0][0], str)
    if is_one_call or not all_or_none:
        return _run(org, chunks, verb, all_or_none=all_or_none)

    def work(transaction: Transaction) -> Sequence[RowResult]:
        results = _run(org, chunks, verb, all_or_none=True)
        if all(result.success for result in results):
            return results
        transaction.rollback()
        return [_UNDONE if result.success else result for result in results]

    return org.transact(work)


def _runs_of_types(records: Sequence[TypedRecord]) -> int:
    """How often the type changes, and one; a record that is refused beforehand is in no run."""
    types = (kind.lower() for kind, _ in records if isinstance(kind, str))
    return sum(1 for _ in groupby(types))


def _run(
    org: Org, chunks: Sequence[tuple[str | RowResult, list[dict[str, Any]]]], verb: Verb, *, all_or_none: bool
) -> Sequence[RowResult]:
    results: list[RowResult] = []
    for kind, rows in chunks:
        if isinstance(kind, RowResult):
            results.extend([kind] * len(rows))
        else:
            results.extend(_write(org, kind, rows, verb, all_or_none=all_or_none))
    return results


def _write(
    org: Org, kind: str, rows: list[dict[str, Any]], verb: Verb, *, all_or_none: bool
) -> Sequence[RowResult]:
    try:
        sobject = org.schema.object(kind, missing="INVALID_TYPE")
        return verb(sobject.name, rows, all_or_none=all_or_none)
    except SalesforceError as error:
        return [RowResult(id=None, success=False, errors=(error,)) for _ in rows]
