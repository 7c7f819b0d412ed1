from __future__ import annotations

import pytest

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.org import Org
from sf_pipelines_tests.emulator.core.helpers import DEAL, add, refusal, rows


@pytest.mark.parametrize("hard", [False, True])
def test_an_account_takes_its_contacts_and_deals_along(org: Org, hard: bool) -> None:
    parent, other = add(org, "Account", Name="A"), add(org, "Account", Name="B")
    add(org, "Contact", LastName="x", AccountId=parent)
    add(org, "Opportunity", **DEAL, AccountId=parent)
    add(org, "Contact", LastName="y", AccountId=other)
    assert org.delete("Account", [parent], hard=hard)[0].success
    assert rows(org, "SELECT LastName FROM Contact") == [("y",)]
    assert org.query("SELECT COUNT() FROM Opportunity").total_size == 0
    in_bin = org.query("SELECT Id FROM Opportunity WHERE IsDeleted = true", include_deleted=True).total_size
    assert in_bin == (0 if hard else 1)


def test_a_look_up_to_a_deleted_record_is_cleared(org: Org) -> None:
    parent = add(org, "Account", Name="A")
    child = add(org, "Account", Name="B", ParentId=parent)
    org.delete("Account", [parent])
    assert org.retrieve("Account", child, ["ParentId", "Parent.Name"])["Parent"] is None


def test_each_kind_of_bad_id_has_its_error(org: Org) -> None:
    id_ = add(org, "Account", Name="A")
    results = org.delete("Account", [id_, id_, "001xx0000000zzzAAA", "zzz"])
    assert [result.success for result in results] == [True, False, False, False]
    assert [result.errors[0].code for result in results[1:]] == [
        "ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID",
    ]  # fmt: skip


def test_a_deleted_row_is_gone_from_rows_and_queries_but_not_from_query_all(org: Org) -> None:
    id_ = add(org, "Account", Name="A")
    org.delete("Account", [id_])
    with pytest.raises(SalesforceError) as caught:
        org.retrieve("Account", id_)
    assert (caught.value.code, caught.value.status) == ("ENTITY_IS_DELETED", 404)
    assert rows(org, "SELECT Id FROM Account") == []
    assert rows(org, "SELECT Id, IsDeleted FROM Account", include_deleted=True) == [(id_, 1)]
    assert rows(org, "SELECT Id FROM Account ALL ROWS") == [(id_,)]


def test_all_or_none_keeps_every_row(org: Org) -> None:
    id_ = add(org, "Account", Name="A")
    org.delete("Account", [id_, "zzz"], all_or_none=True)
    assert rows(org, "SELECT Id FROM Account") == [(id_,)]


def test_users_can_not_be_deleted(org: Org) -> None:
    assert refusal(org.delete("User", [org.user_id])).code == "INVALID_TYPE_FOR_OPERATION"
