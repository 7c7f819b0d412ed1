from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sf_pipelines.emulator.schema.loader as loader
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines.emulator.seed.plan import SeedError, SeedPlan
from sf_pipelines.emulator.seed.run import seed_org
from sf_pipelines_tests.emulator.core.helpers import rows

EVERYTHING = {
    "Account": 30, "Contact": 60, "Lead": 20, "Opportunity": 40, "Product2": 5, "PricebookEntry": 5,
    "OpportunityLineItem": 50, "Case": 20, "Task": 20, "Campaign": 3, "CampaignMember": 30, "Group": 2,
}  # fmt: skip


def _seed(org: Org, objects: dict[str, int], seed: int = 7) -> dict[str, int]:
    return seed_org(org, SeedPlan.of(org.schema, {"seed": seed, "objects": objects}))


def test_every_standard_object_is_seeded_in_any_order(org: Org) -> None:
    assert _seed(org, dict(reversed(EVERYTHING.items()))) == EVERYTHING
    for name, count in EVERYTHING.items():
        assert org.query(f"SELECT COUNT() FROM {name}").total_size == count
    assert org.query("SELECT COUNT() FROM Opportunity WHERE HasOpportunityLineItem = true").total_size > 0


def test_the_same_seed_gives_the_same_records(org: Org) -> None:
    soql = "SELECT LastName, Email, Account.Name, Account.BillingCity FROM Contact"
    found: list[Any] = []
    for seed in (7, 7, 8):
        org.reset()
        _seed(org, {"Account": 10, "Contact": 20}, seed)
        found.append(rows(org, soql))
    assert found[0] == found[1] != found[2]


def test_some_parents_have_most_of_the_children(org: Org) -> None:
    _seed(org, {"Account": 50, "Contact": 1000})
    owners = [row[0] for row in rows(org, "SELECT AccountId FROM Contact") if row[0]]
    counts = sorted((owners.count(one) for one in set(owners)), reverse=True)
    assert sum(counts[:5]) > len(owners) / 3


def test_a_second_seed_adds_records_with_keys_of_their_own(org: Org) -> None:
    _seed(org, {"Account": 10})
    _seed(org, {"Account": 10})
    keys = {row[0] for row in rows(org, "SELECT External_Id__c FROM Account")}
    assert len(keys) == 20


def test_custom_objects_are_seeded_by_their_fields_types(clock: Clock) -> None:
    example = Path(loader.__file__).with_name("example.yaml")
    org = Org(schema=load_schema(example), clock=clock)
    _seed(org, {"Account": 5, "Invoice__c": 20, "Invoice_Line__c": 40})
    assert org.query("SELECT COUNT() FROM Invoice__c WHERE Account__c != null").total_size == 20
    assert len(set(rows(org, "SELECT Order_Number__c FROM Invoice__c"))) == 20


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({}, "Send"),
        ({"objects": {"Account": 1}, "colour": 1}, "Send"),
        ({"objects": {"Account": -1}}, "count of Account"),
        ({"objects": {"Account": True}}, "count of Account"),
        ({"objects": {"Nope": 1}}, "'Nope' isn't an object"),
        ({"objects": {"User": 1}}, "'User' isn't an object"),
    ],
)
def test_a_wrong_wish_is_refused(org: Org, wish: dict[str, Any], message: str) -> None:
    with pytest.raises(SeedError, match=message):
        SeedPlan.of(org.schema, wish)


def test_missing_parents_are_named_and_nothing_is_half_made(org: Org) -> None:
    with pytest.raises(SeedError, match="OpportunityLineItem needs records of"):
        _seed(org, {"Account": 5, "OpportunityLineItem": 1})
    assert rows(org, "SELECT Id FROM Account") == []
    with pytest.raises(SeedError, match="seed more parents, or fewer records"):
        _seed(org, {"Contact": 1, "Campaign": 1, "CampaignMember": 2})


def test_a_plan_is_read_from_counts_or_from_a_file(org: Org, tmp_path: Path) -> None:
    plan = SeedPlan.parse(org.schema, "Contact=5, account=2")
    assert dict(plan.counts) == {"Account": 2, "Contact": 5}
    path = tmp_path / "seed.yaml"
    path.write_text("seed: 9\nobjects: {Lead: 3}\n")
    plan = SeedPlan.parse(org.schema, str(path))
    assert (plan.seed, dict(plan.counts)) == (9, {"Lead": 3})
    with pytest.raises(SeedError, match="no seed file"):
        SeedPlan.parse(org.schema, "nowhere.yaml")
    with pytest.raises(SeedError, match="isn't a count"):
        SeedPlan.parse(org.schema, "Account=x")
