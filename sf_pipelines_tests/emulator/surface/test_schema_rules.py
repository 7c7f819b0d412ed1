"""Rules of a schema file, seed data and the recycle bin over the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.emulator.surface.support import Caller, error_of

RULES = """
Account:
  duplicate_rules: [{name: Same_Name, fields: [Name], action: allow}]
  validation_rules: [{name: No_Tmp, error_condition: Name LIKE 'tmp%', message: No drafts., field: Name}]
"""
ALLOW = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=true"}


@pytest.fixture(scope="module")
def rules_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorServer]:
    path = tmp_path_factory.mktemp("schema") / "rules.yaml"
    path.write_text(RULES)
    with EmulatorServer(schema_path=path) as server:
        yield server


@pytest.fixture
def strict(rules_server: EmulatorServer) -> Caller:
    """A caller of an org with rules."""
    url = rules_server.credentials.url
    requests.post(f"{url}/emulator/reset", timeout=30).raise_for_status()
    return Caller(url, rules_server.surface.oauth.open_session().token, rules_server.surface)


def test_a_validation_rule_is_a_400_with_its_field(strict: Caller) -> None:
    response = strict.post("/sobjects/Account", {"Name": "tmp"})
    assert response.status_code == 400
    assert response.json() == [
        {"message": "No drafts.", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": ["Name"]}
    ]


def test_duplicates_are_listed_with_urls_of_the_callers_version(strict: Caller) -> None:
    first = strict.create("Account", Name="Acme")
    response = strict.post("/sobjects/Account", {"Name": "acme"})
    assert error_of(response) == (400, "DUPLICATES_DETECTED", "Use one of these records?")
    found = response.json()[0]["duplicateResult"]
    assert found["allowSave"]
    record = found["matchResults"][0]["matchRecords"][0]["record"]
    assert record["attributes"]["url"] == f"/services/data/v66.0/sobjects/Account/{first}"


def test_the_duplicate_header_lets_rows_and_collections_pass(strict: Caller) -> None:
    strict.create("Account", Name="Acme")
    record = {"attributes": {"type": "Account"}, "Name": "Acme"}
    body = {"records": [record]}
    [refused] = strict.post("/composite/sobjects", body).json()
    assert refused["errors"][0]["statusCode"] == "DUPLICATES_DETECTED"
    assert refused["errors"][0]["duplicateResult"]["duplicateRule"] == "Same_Name"
    assert strict.post("/composite/sobjects", body, headers=ALLOW).json()[0]["success"]
    assert strict.post("/sobjects/Account", {"Name": "Acme"}, headers=ALLOW).status_code == 201
    other = strict.create("Account", Name="Other")
    assert strict.patch(f"/sobjects/Account/{other}", {"Name": "Acme"}).status_code == 400
    assert strict.patch(f"/sobjects/Account/{other}", {"Name": "Acme"}, headers=ALLOW).status_code == 204


def test_a_bulk_job_reports_rows_that_rules_refuse(strict: Caller) -> None:
    strict.create("Account", Name="Acme")
    job = strict.run_ingest("Name\nAcme\ntmp1\ngood\n")
    failed = strict.results(job["id"], "failedResults")
    assert job["numberRecordsFailed"] == 2
    assert "DUPLICATES_DETECTED:Use one of these records?" in failed
    assert "FIELD_CUSTOM_VALIDATION_EXCEPTION:No drafts.:Name" in failed


def test_the_control_plane_seeds_objects_by_count(caller: Caller) -> None:
    wish = {"seed": 3, "objects": {"Account": 20, "Contact": 40}}
    response = caller.post(f"{caller.url}/emulator/seed", wish)
    assert response.json() == {"seed": 3, "created": {"Account": 20, "Contact": 40}}
    assert caller.query("SELECT COUNT() FROM Contact")["totalSize"] == 40
    wrong = caller.post(f"{caller.url}/emulator/seed", {"objects": {"Nope": 1}})
    assert error_of(wrong)[:2] == (400, "JSON_PARSER_ERROR")


def test_the_control_plane_brings_deleted_records_back(caller: Caller) -> None:
    account = caller.create("Account", Name="A")
    caller.create("Contact", LastName="C", AccountId=account)
    caller.delete(f"/sobjects/Account/{account}")
    assert caller.query("SELECT COUNT() FROM Contact")["totalSize"] == 0
    body = {"ids": [account, "zzz"]}
    back, unknown = caller.post(f"{caller.url}/emulator/undelete", body).json()
    assert back == {"id": account, "success": True, "errors": []}
    assert unknown["errors"][0]["statusCode"] == "MALFORMED_ID"
    assert caller.query("SELECT COUNT() FROM Contact")["totalSize"] == 1


def test_a_restricted_delete_is_a_400(caller: Caller) -> None:
    account = caller.create("Account", Name="Acme")
    caller.create("Case", AccountId=account)
    assert error_of(caller.delete(f"/sobjects/Account/{account}"))[:2] == (400, "DELETE_FAILED")
