"""Generated SOQL: a valid query is answered, any other gets an error in Salesforce's shape, none a 500."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from sf_pipelines_tests.emulator.surface.soql_strategies import valid_queries, wild_queries
from sf_pipelines_tests.emulator.surface.support import Caller

FUZZ = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=150,
    deadline=None,
)


@pytest.fixture
def filled(caller: Caller) -> Caller:
    """An org with a few records that refer to one another."""
    account = caller.create("Account", Name="Acme", BillingCity="Rome", AnnualRevenue=5.5)
    caller.create("Account", Name="Bolt", ParentId=account)
    caller.create("Contact", LastName="Ann", AccountId=account)
    caller.create("Lead", LastName="Lea", Company="Acme")
    caller.create(
        "Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2026-06-30", AccountId=account
    )
    return caller


@FUZZ
@given(soql=valid_queries())
def test_a_valid_query_is_answered(filled: Caller, soql: str) -> None:
    body = filled.query(soql)
    assert body["done"] is True
    assert all("attributes" in record for record in body["records"])
    assert len(body["records"]) == body["totalSize"]


@FUZZ
@given(soql=wild_queries())
def test_any_other_query_gets_an_error_in_shape(filled: Caller, soql: str) -> None:
    response = filled.get("/query", params={"q": soql})
    assert response.status_code in (200, 400), response.text
    if response.status_code == 400:
        [error] = response.json()
        assert set(error) <= {"message", "errorCode", "fields"}
        assert error["errorCode"]
        assert error["message"]
