"""Kept descriptions: asked for once a day, fresh before a contradiction is told, silence remembered."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sf_pipelines.model.describe import FieldDescribe, SObjectDescribe
from sf_pipelines.rails.errors import ObjectNotFoundError, UnreachableError
from sf_pipelines.workflows.checks import declared_mistakes
from sf_pipelines.workflows.known_objects import ASK_AGAIN_AFTER, KEPT_FOR, KnownObjects
from sf_pipelines_tests.workflows.orgs import KEY, load_of
from sf_pipelines_tests.workflows.test_checks import DEAL, SOURCE


class Org:
    """What an org says, how often it was asked, and the clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.says: SObjectDescribe | Exception = DEAL
        self.asked = 0
        self.now = datetime.now(UTC)

    def ask(self, sobject: str) -> SObjectDescribe:
        self.asked += 1
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def seen_by_a_new_process(self, url: str = "https://org.test") -> KnownObjects:
        return KnownObjects(self.folder, org=url, ask=self.ask, clock=lambda: self.now)


@pytest.fixture
def org(tmp_path: Path) -> Org:
    return Org(tmp_path)


def test_what_was_asked_comes_back_whole_without_asking(org: Org) -> None:
    field = FieldDescribe(name="AccountId", type="reference", reference_to=("Account",))
    org.says = replace(DEAL, fields={**DEAL.fields, field.name: field})

    first = org.seen_by_a_new_process().describe("Opportunity")
    second = org.seen_by_a_new_process().describe("Opportunity")

    assert first == second == org.says
    assert org.asked == 1


def test_a_description_is_kept_for_a_day(org: Org) -> None:
    org.seen_by_a_new_process().describe("Opportunity")
    org.now += KEPT_FOR + timedelta(minutes=1)

    org.seen_by_a_new_process().describe("Opportunity")

    assert org.asked == 2


def test_two_orgs_are_not_mixed_up(org: Org) -> None:
    org.seen_by_a_new_process().describe("Opportunity")

    org.seen_by_a_new_process("https://other.test").describe("Opportunity")

    assert org.asked == 2


def test_a_silent_org_is_asked_once_a_minute(org: Org) -> None:
    org.says = UnreachableError("The org cannot be reached.")
    assert org.seen_by_a_new_process().describe("Opportunity") is None
    assert org.seen_by_a_new_process().describe("Account") is None
    assert org.asked == 1

    org.now += ASK_AGAIN_AFTER + timedelta(seconds=5)
    org.says = DEAL

    assert org.seen_by_a_new_process().describe("Opportunity") == DEAL


def test_a_file_that_was_cut_short_is_asked_for_again(org: Org) -> None:
    org.seen_by_a_new_process().describe("Opportunity")
    (kept,) = org.folder.rglob("*.json")
    os.truncate(kept, 10)

    assert org.seen_by_a_new_process().describe("Opportunity") == DEAL


def test_a_field_added_since_yesterday_is_no_mistake(org: Org) -> None:
    sync = load_of("Opportunity", SOURCE, (KEY, "New__c"))
    org.seen_by_a_new_process().describe("Opportunity")
    org.says = replace(DEAL, fields={**DEAL.fields, "New__c": FieldDescribe(name="New__c", type="string")})

    assert declared_mistakes(sync, org.seen_by_a_new_process()) == []
    assert org.asked == 2


def test_a_contradiction_is_told_after_one_fresh_look(org: Org) -> None:
    sync = load_of("Opportunity", SOURCE, (KEY, "Gone__c"))
    org.seen_by_a_new_process().describe("Opportunity")

    (mistake,) = declared_mistakes(sync, org.seen_by_a_new_process())

    assert (mistake.field, org.asked) == ("Gone__c", 2)


def test_an_object_that_the_org_does_not_show_is_a_mistake(org: Org) -> None:
    org.says = ObjectNotFoundError("no such object")
    sync = load_of("Opportunity", SOURCE, (KEY,))

    (mistake,) = declared_mistakes(sync, org.seen_by_a_new_process())

    assert str(mistake) == "opportunity_load names the object Opportunity, which the org does not show."
