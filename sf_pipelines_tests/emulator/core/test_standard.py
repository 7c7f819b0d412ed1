"""What Salesforce does by itself on its standard objects."""

from __future__ import annotations

from typing import Any

import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.org import Org
from sf_pipelines_tests.emulator.core.helpers import DEAL, add, create_refusal, refusal, rows

OBJECTS = {
    "Account", "Campaign", "CampaignMember", "Case", "Contact", "Group", "Lead", "Opportunity",
    "OpportunityLineItem", "Pricebook2", "PricebookEntry", "Product2", "Task", "User",
}  # fmt: skip


@pytest.fixture
def entry(org: Org) -> str:
    """A price book entry of the standard price book, 10.00 for a product named Bolt."""
    product = add(org, "Product2", Name="Bolt", ProductCode="B1", IsActive=True)
    return add(
        org,
        "PricebookEntry",
        Pricebook2Id=_standard_book(org),
        Product2Id=product,
        UnitPrice=10,
        IsActive=True,
    )


@pytest.fixture
def deal(org: Org) -> str:
    return add(org, "Opportunity", **DEAL, Amount=5)


def _standard_book(org: Org) -> str:
    [(id_,)] = rows(org, "SELECT Id FROM Pricebook2 WHERE IsStandard = true")
    return id_


def _totals(org: Org) -> list[tuple[Any, ...]]:
    return rows(org, "SELECT Amount, HasOpportunityLineItem, Pricebook2.Name FROM Opportunity")


def test_the_org_has_the_standard_objects(org: Org) -> None:
    assert set(org.schema.objects) == OBJECTS


def test_line_items_make_the_amount_of_their_opportunity(org: Org, entry: str, deal: str) -> None:
    item = {"OpportunityId": deal, "PricebookEntryId": entry, "Quantity": 3}
    first = add(org, "OpportunityLineItem", **item, UnitPrice=9.5)
    second = add(org, "OpportunityLineItem", **item, TotalPrice=30)
    fields = "Name, ProductCode, UnitPrice, ListPrice, TotalPrice, Product2.Name"
    assert rows(org, f"SELECT {fields} FROM OpportunityLineItem") == [
        ("Deal Bolt", "B1", 9.5, 10.0, 28.5, "Bolt"),
        ("Deal Bolt", "B1", 10.0, 10.0, 30.0, "Bolt"),
    ]
    assert _totals(org) == [(58.5, 1, "Standard Price Book")]
    assert org.update("OpportunityLineItem", [{"Id": first, "Quantity": 1}])[0].success
    assert org.update("Opportunity", [{"Id": deal, "Amount": 1}])[0].success
    assert _totals(org)[0][0] == 39.5
    assert org.update("OpportunityLineItem", [{"Id": first, "TotalPrice": 4}])[0].success
    assert org.delete("OpportunityLineItem", [second])[0].success
    assert _totals(org)[0] == (4.0, 1, "Standard Price Book")
    assert org.undelete("OpportunityLineItem", [second])[0].success
    assert _totals(org)[0][0] == 34.0
    org.delete("OpportunityLineItem", [first, second])
    assert _totals(org)[0][1] == 0


@pytest.mark.parametrize(
    ("values", "code", "part"),
    [
        ({"PricebookEntryId": None, "UnitPrice": 1}, "FIELD_INTEGRITY_EXCEPTION", "has not been specified"),
        ({}, "FIELD_INTEGRITY_EXCEPTION", "must specify either UnitPrice or TotalPrice"),
        ({"UnitPrice": 1, "TotalPrice": 1}, "FIELD_INTEGRITY_EXCEPTION", "may not specify both"),
        ({"UnitPrice": 1, "Quantity": None}, "REQUIRED_FIELD_MISSING", "[Quantity]"),
        ({"UnitPrice": 1, "OpportunityId": None}, "REQUIRED_FIELD_MISSING", "[OpportunityId]"),
    ],
)
def test_a_line_item_needs_entry_price_and_quantity(
    org: Org, entry: str, deal: str, values: dict[str, Any], code: str, part: str
) -> None:
    item = {"OpportunityId": deal, "PricebookEntryId": entry, "Quantity": 1, **values}
    error = create_refusal(org, "OpportunityLineItem", item)
    assert error.code == code
    assert part in error.message


def test_a_product_needs_a_standard_price_first_and_one_in_each_book(org: Org, entry: str) -> None:
    other = add(org, "Product2", Name="Nut")
    book = add(org, "Pricebook2", Name="Retail", IsActive=True)
    price = {"Pricebook2Id": book, "Product2Id": other, "UnitPrice": 1}
    assert create_refusal(org, "PricebookEntry", price).code == "STANDARD_PRICE_NOT_DEFINED"
    add(org, "PricebookEntry", **{**price, "Pricebook2Id": _standard_book(org)})
    add(org, "PricebookEntry", **price)
    assert create_refusal(org, "PricebookEntry", price).code == "DUPLICATE_VALUE"


def test_a_line_item_must_be_of_the_opportunitys_price_book(org: Org, entry: str) -> None:
    book = add(org, "Pricebook2", Name="Retail", IsActive=True)
    deal = add(org, "Opportunity", **DEAL, Pricebook2Id=book)
    item = {"OpportunityId": deal, "PricebookEntryId": entry, "Quantity": 1, "UnitPrice": 1}
    assert "different pricebook" in create_refusal(org, "OpportunityLineItem", item).message


def test_a_case_is_numbered_closed_and_of_its_contacts_account(org: Org, clock: Clock) -> None:
    account = add(org, "Account", Name="A")
    contact = add(org, "Contact", LastName="C", AccountId=account)
    first = add(org, "Case", ContactId=contact)
    add(org, "Case", Status="Closed")
    fields = "CaseNumber, AccountId, Status, IsClosed, ClosedDate"
    now = int(clock.now().timestamp() * 1000)
    assert rows(org, f"SELECT {fields} FROM Case") == [
        ("00000001", account, "New", 0, None),
        ("00000002", None, "Closed", 1, now),
    ]
    org.update("Case", [{"Id": first, "Status": "Closed"}])
    assert rows(org, "SELECT ClosedDate FROM Case") == [(now,), (now,)]


def test_cases_hold_the_delete_of_their_account_and_contact_back(org: Org) -> None:
    account = add(org, "Account", Name="Acme")
    contact = add(org, "Contact", LastName="Davis", FirstName="Josh", AccountId=account)
    case = add(org, "Case", ContactId=contact)
    error = refusal(org.delete("Contact", [contact]))
    assert error.code == "DELETE_FAILED"
    assert error.message == (
        "Your attempt to delete Josh Davis could not be completed because it is associated with the "
        "following cases.: 00000001\n"
    )
    assert refusal(org.delete("Account", [account])).code == "DELETE_FAILED"
    org.delete("Case", [case])
    assert org.delete("Account", [account])[0].success


def test_a_member_is_a_lead_or_a_contact_once(org: Org) -> None:
    campaign, lead = add(org, "Campaign", Name="C"), add(org, "Lead", LastName="L", Company="C")
    assert create_refusal(org, "CampaignMember", {"CampaignId": campaign}).code == "FIELD_INTEGRITY_EXCEPTION"
    add(org, "CampaignMember", CampaignId=campaign, LeadId=lead, Status="Responded")
    assert rows(org, "SELECT HasResponded, Type, LeadOrContactId FROM CampaignMember") == [(1, "Lead", lead)]
    again = create_refusal(org, "CampaignMember", {"CampaignId": campaign, "LeadId": lead})
    assert again.message == "Already a campaign member."


def test_a_task_points_at_people_and_things_of_several_objects(org: Org) -> None:
    account, lead = add(org, "Account", Name="A"), add(org, "Lead", LastName="L", Company="C")
    add(org, "Task", WhoId=lead[:15], WhatId=account[:15])
    assert rows(org, "SELECT WhoId, WhatId, Status, Priority FROM Task") == [
        (lead, account, "Not Started", "Normal")
    ]
    assert create_refusal(org, "Task", {"WhoId": account}).code == "FIELD_INTEGRITY_EXCEPTION"
    org.delete("Lead", [lead])
    assert rows(org, "SELECT Id FROM Task") == []


def test_a_polymorphic_parent_is_named_by_its_type(org: Org) -> None:
    lead = add(org, "Lead", LastName="L", Company="C", Email="l@mail.example")
    who = {"attributes": {"type": "Lead"}, "Email": "l@mail.example"}
    add(org, "Task", Who=who)
    assert rows(org, "SELECT WhoId FROM Task") == [(lead,)]
    wrong = create_refusal(org, "Task", {"Who": {"attributes": {"type": "Account"}, "Name": "x"}})
    assert wrong.code == "INVALID_FIELD"


def test_a_queue_may_own_a_case_but_no_account(org: Org) -> None:
    queue = add(org, "Group", Name="Q", Type="Queue")
    assert add(org, "Case", OwnerId=queue)
    assert create_refusal(org, "Account", {"Name": "A", "OwnerId": queue}).code == "FIELD_INTEGRITY_EXCEPTION"
