from __future__ import annotations

from dataclasses import replace

import pytest

from sf_pipelines.model.describe import FieldDescribe, SObjectDescribe
from sf_pipelines.model.rail import Operation
from sf_pipelines.model.sync import ExtractSync, LoadSync, Source, SourceKind
from sf_pipelines.workflows.checks import check_load, extract_fields
from sf_pipelines.workflows.errors import SyncError
from sf_pipelines_tests.workflows.orgs import KEY, load_of

SOURCE = Source(kind=SourceKind.TABLE, location="crm.deal")


def field(name: str, type_: str = "string", **more: bool | str) -> FieldDescribe:
    return replace(FieldDescribe(name=name, type=type_), **more)


FIELDS = (
    field("Id", "id", createable=False, updateable=False, id_lookup=True),
    field("Name"),
    field("StageName", "picklist"),
    field("CloseDate", "date"),
    field("AccountId", "reference", relationship_name="Account"),
    field("ContactId", "reference", relationship_name="Contact", updateable=False),
    field("BillingAddress", "address", createable=False, updateable=False),
    field("IsWon", "boolean", createable=False, updateable=False),
    field("SystemModstamp", "datetime", createable=False, updateable=False),
    field(KEY, external_id=True, id_lookup=True),
)
DEAL = SObjectDescribe(
    name="Opportunity",
    key_prefix="006",
    createable=True,
    updateable=True,
    deletable=True,
    queryable=True,
    fields={item.name: item for item in FIELDS},
)


def sync(operation: Operation, key: str, *fields: str) -> LoadSync:
    return load_of("Opportunity", SOURCE, fields, operation=operation, key=key)


@pytest.mark.parametrize(
    "good",
    [
        pytest.param(
            sync(Operation.UPSERT, KEY, KEY, "Name", "Account.External_Id__c"), id="upsert by external id"
        ),
        pytest.param(sync(Operation.UPSERT, KEY, KEY.lower(), KEY), id="names in any case"),
        pytest.param(sync(Operation.UPSERT, KEY, KEY, "ContactId"), id="upsert of a create-only field"),
        pytest.param(sync(Operation.INSERT, "Name", "Name", "ContactId"), id="insert by a natural key"),
        pytest.param(sync(Operation.UPDATE, "Id", "Id", "Name"), id="update by Id"),
        pytest.param(sync(Operation.DELETE, "Id", "Id"), id="delete by Id"),
    ],
)
def test_a_load_that_fits_the_org_passes(good: LoadSync) -> None:
    check_load(good, DEAL)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        pytest.param(
            sync(Operation.UPSERT, KEY, KEY, "StageNam"),
            "opportunity_load names the field StageNam, which Opportunity does not have "
            "(did you mean StageName?).",
            id="an unknown field, with the nearest name",
        ),
        pytest.param(
            sync(Operation.UPSERT, KEY, KEY, "Zzz"),
            "opportunity_load names the field Zzz, which Opportunity does not have.",
            id="an unknown field that is near to none",
        ),
        pytest.param(
            sync(Operation.UPSERT, KEY, KEY, "Acount.External_Id__c"),
            "opportunity_load names the parent Acount, which Opportunity does not have "
            "(did you mean Account?).",
            id="an unknown parent, with the nearest name",
        ),
        pytest.param(
            sync(Operation.UPSERT, KEY, KEY, "IsWon"),
            "opportunity_load writes IsWon, which is read-only in the org: remove it.",
            id="a read-only field",
        ),
        pytest.param(
            sync(Operation.INSERT, "Name", "Name", "Id"),
            "opportunity_load writes Id, which is read-only in the org: remove it.",
            id="an Id in an insert",
        ),
        pytest.param(
            sync(Operation.UPDATE, "Id", "Id", "ContactId"),
            "opportunity_load updates ContactId, which the org takes on create only: remove it.",
            id="an update of a create-only field",
        ),
        pytest.param(
            sync(Operation.UPSERT, "Name", "Name"),
            "opportunity_load: Name is not an external id of Opportunity (external ids: External_Id__c).",
            id="an upsert by no external id",
        ),
        pytest.param(
            sync(Operation.UPDATE, KEY, KEY, "Name"),
            "opportunity_load: update is by Id, not by External_Id__c; use upsert instead.",
            id="an update by an external id",
        ),
        pytest.param(
            sync(Operation.DELETE, KEY, KEY),
            "opportunity_load is a delete and may only carry Id, not External_Id__c.",
            id="a delete by an external id",
        ),
        pytest.param(
            sync(Operation.DELETE, "Id", "Id", "Account.External_Id__c"),
            "opportunity_load is a delete and may only carry Id, not Account.External_Id__c.",
            id="a delete with a parent",
        ),
    ],
)
def test_a_load_that_the_org_could_only_refuse_is_refused_before(wrong: LoadSync, sentence: str) -> None:
    with pytest.raises(SyncError) as caught:
        check_load(wrong, DEAL)

    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("operation", "denied"),
    [
        (Operation.INSERT, "createable"),
        (Operation.UPDATE, "updateable"),
        (Operation.UPSERT, "createable"),
        (Operation.UPSERT, "updateable"),
        (Operation.DELETE, "deletable"),
    ],
)
def test_an_object_that_may_not_be_written_is_told_by_its_name(operation: Operation, denied: str) -> None:
    closed = replace(DEAL, **{denied: False})

    with pytest.raises(SyncError, match=f"cannot {operation.value} Opportunity"):
        check_load(sync(operation, "Id", "Id"), closed)


def extract(*fields: str) -> ExtractSync:
    return ExtractSync(name="deals", sobject="Opportunity", fields=fields)


def test_an_extract_of_no_named_field_takes_all_that_both_rails_carry() -> None:
    assert extract_fields(extract(), DEAL) == tuple(
        item.name for item in FIELDS if item.name != "BillingAddress"
    )


def test_id_and_time_of_change_are_always_extracted() -> None:
    assert extract_fields(extract("Name"), DEAL) == ("Id", "SystemModstamp", "Name")
    assert extract_fields(extract("SystemModstamp", "Id"), DEAL) == ("SystemModstamp", "Id")


def test_extracted_fields_have_the_names_of_the_org_and_each_comes_once() -> None:
    assert extract_fields(extract("id", "NAME", "Name", "systemmodstamp"), DEAL) == (
        "Id",
        "Name",
        "SystemModstamp",
    )


def test_an_extract_may_name_a_field_that_only_rest_carries() -> None:
    assert "BillingAddress" in extract_fields(extract("BillingAddress"), DEAL)


def test_an_unknown_field_of_an_extract_is_told_with_the_nearest_name() -> None:
    with pytest.raises(SyncError, match=r"deals names the field CloseDat, .*did you mean CloseDate\?"):
        extract_fields(extract("CloseDat"), DEAL)


def test_an_object_without_a_time_of_change_cannot_be_extracted() -> None:
    timeless = replace(
        DEAL, fields={name: item for name, item in DEAL.fields.items() if name != "SystemModstamp"}
    )

    with pytest.raises(SyncError, match="it has no SystemModstamp to read changes by"):
        extract_fields(extract("Name"), timeless)
