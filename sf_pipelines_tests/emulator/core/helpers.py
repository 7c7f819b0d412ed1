"""Short forms that many tests of the core use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.results import RowResult

DEAL: dict[str, Any] = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-06-30"}


def add(org: Org, sobject: str, **values: Any) -> str:
    """Create one record that must be good; its id."""
    [result] = org.create(sobject, [values])
    assert result.success, result.errors
    assert result.id is not None
    return result.id


def refusal(results: Sequence[RowResult]) -> SalesforceError:
    """The one error of the one record of a call."""
    [result] = results
    assert not result.success
    [error] = result.errors
    return error


def create_refusal(org: Org, sobject: str, record: Mapping[str, Any]) -> SalesforceError:
    return refusal(org.create(sobject, [record]))


def rows(org: Org, soql: str, **options: bool) -> list[tuple[Any, ...]]:
    return list(org.query(soql, **options).rows)


def names(org: Org, condition: str, sobject: str = "Account") -> list[str]:
    """The names of the records that meet a condition, sorted."""
    return sorted(row[0] for row in rows(org, f"SELECT Name FROM {sobject} WHERE {condition}"))


def query_refusal(org: Org, soql: str, **options: bool) -> SalesforceError:
    with pytest.raises(SalesforceError) as caught:
        org.query(soql, **options)
    return caught.value
