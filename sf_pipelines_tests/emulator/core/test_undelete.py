from __future__ import annotations

from sf_pipelines.emulator.org import Org
from sf_pipelines_tests.emulator.core.helpers import DEAL, add, create_refusal, refusal, rows


def test_a_record_comes_back_with_what_its_delete_took_along(org: Org) -> None:
    account = add(org, "Account", Name="A")
    kept, gone = (add(org, "Contact", LastName=name, AccountId=account) for name in ("kept", "gone"))
    add(org, "Opportunity", **DEAL, AccountId=account)
    org.delete("Contact", [gone])
    org.delete("Account", [account])
    assert org.undelete("Account", [account[:15]])[0].success
    assert rows(org, "SELECT Id FROM Contact") == [(kept,)]
    assert org.query("SELECT COUNT() FROM Opportunity").total_size == 1
    assert org.undelete("Contact", [gone])[0].success


def test_only_what_was_deleted_by_itself_comes_back_by_itself(org: Org) -> None:
    account = add(org, "Account", Name="A")
    contact = add(org, "Contact", LastName="C", AccountId=account)
    assert refusal(org.undelete("Account", [account])).code == "UNDELETE_FAILED"
    org.delete("Account", [account])
    assert refusal(org.undelete("Contact", [contact])).code == "UNDELETE_FAILED"


def test_a_child_stays_in_the_bin_as_long_as_its_parent_does(org: Org) -> None:
    account = add(org, "Account", Name="A")
    contact = add(org, "Contact", LastName="C", AccountId=account)
    org.delete("Contact", [contact])
    org.delete("Account", [account])
    assert refusal(org.undelete("Contact", [contact])).code == "UNDELETE_FAILED"


def test_a_key_that_was_taken_meanwhile_bars_the_way_back(org: Org) -> None:
    first = add(org, "Account", Name="A", External_Id__c="k")
    org.delete("Account", [first])
    add(org, "Account", Name="B", External_Id__c="K")
    assert refusal(org.undelete("Account", [first])).code == "DUPLICATE_VALUE"


def test_records_that_come_back_take_data_storage_again(org: Org) -> None:
    org.storage.allow(lambda: 1)
    account = add(org, "Account", Name="A")
    add(org, "Contact", LastName="C", AccountId=account)
    fill = org.create("Lead", [{"LastName": str(number), "Company": "L"} for number in range(600)])
    assert refusal(fill[-1:]).code == "STORAGE_LIMIT_EXCEEDED"

    org.delete("Account", [account])
    add(org, "Account", Name="B")
    org.undelete("Account", [account])

    assert create_refusal(org, "Account", {"Name": "C"}).code == "STORAGE_LIMIT_EXCEEDED"


def test_what_was_removed_for_good_does_not_come_back(org: Org) -> None:
    id_ = add(org, "Account", Name="A")
    org.delete("Account", [id_], hard=True)
    assert refusal(org.undelete("Account", [id_])).code == "UNDELETE_FAILED"
