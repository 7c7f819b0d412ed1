from __future__ import annotations

import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines_tests.emulator.surface.support import Caller, error_of

BEFORE, NOW, AFTER = (f"Sun, 01 Feb 2026 {time} GMT" for time in ("09:59:59", "10:00:00", "10:00:01"))


def test_an_account_has_a_tag_that_changes_with_its_content_only(caller: Caller) -> None:
    path = f"/sobjects/Account/{caller.create('Account', Name='a')}"

    first, same = caller.get(path).headers["ETag"], caller.get(path + "?fields=Name").headers["ETag"]
    patched = caller.patch(path, {"Name": "b"}).headers["ETag"]

    assert first == same
    assert first.startswith('"')
    assert first.endswith('--gzip"')
    assert patched == caller.get(path).headers["ETag"] != first


def test_another_object_has_no_tag_and_ignores_conditions_on_tags(caller: Caller) -> None:
    path = f"/sobjects/Contact/{caller.create('Contact', LastName='a')}"

    assert "ETag" not in caller.get(path).headers
    assert caller.patch(path, {"LastName": "b"}, headers={"If-Match": '"old"'}).status_code == 204


def test_a_read_of_a_known_tag_is_not_modified_and_has_no_body(caller: Caller) -> None:
    path = f"/sobjects/Account/{caller.create('Account', Name='a')}"
    tag = caller.get(path).headers["ETag"]

    answers = [caller.get(path, headers={"If-None-Match": text}) for text in (tag, "*", f'"other", {tag}')]

    assert {(answer.status_code, answer.content) for answer in answers} == {(304, b"")}
    assert caller.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_tag_is_the_same_with_and_without_its_mark_of_compression(caller: Caller) -> None:
    path = f"/sobjects/Account/{caller.create('Account', Name='a')}"
    tag = caller.get(path).headers["ETag"].replace("--gzip", "-gzip")

    assert caller.get(path, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("method", ["get", "patch"])
def test_if_match_fails_for_a_tag_that_is_no_longer_true(caller: Caller, method: str) -> None:
    path = f"/sobjects/Account/{caller.create('Account', Name='a')}"
    tag = caller.get(path).headers["ETag"]
    caller.patch(path, {"Name": "b"})
    body = {"json": {"Name": "c"}} if method == "patch" else {}

    answer = getattr(caller, method)(path, headers={"If-Match": tag}, **body)

    assert error_of(answer)[:2] == (412, "PRECONDITION_FAILED")
    assert caller.get(path + "?fields=Name").json()["Name"] == "b"


def test_a_write_whose_tag_is_still_true_goes_through(caller: Caller) -> None:
    path = f"/sobjects/Account/{caller.create('Account', Name='a')}"

    answer = caller.patch(path, {"Name": "b"}, headers={"If-Match": caller.get(path).headers["ETag"]})

    assert answer.status_code == 204


def test_if_none_match_keeps_a_write_from_a_row_of_that_tag(caller: Caller) -> None:
    path = f"/sobjects/Account/{caller.create('Account', Name='a')}"

    answer = caller.patch(path, {"Name": "b"}, headers={"If-None-Match": "*"})

    assert answer.status_code == 412


@pytest.mark.parametrize(("since", "status"), [(BEFORE, 200), (NOW, 304), (AFTER, 304), ("yesterday", 200)])
def test_a_row_is_read_if_modified_since(caller: Caller, since: str, status: int) -> None:
    path = f"/sobjects/Contact/{caller.create('Contact', LastName='a')}"

    assert caller.get(path, headers={"If-Modified-Since": since}).status_code == status


@pytest.mark.parametrize(
    ("until", "status"), [(BEFORE, 412), (NOW, 204), (AFTER, 204), ("yesterday", 400), ("", 400)]
)
def test_a_row_is_written_if_unmodified_since(caller: Caller, until: str, status: int) -> None:
    path = f"/sobjects/Contact/{caller.create('Contact', LastName='a')}"

    answer = caller.patch(path, {"LastName": "b"}, headers={"If-Unmodified-Since": until})

    assert answer.status_code == status


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
def test_a_bad_tag_is_refused_on_a_write_and_ignored_on_a_read(caller: Caller, name: str) -> None:
    path = f"/sobjects/Account/{caller.create('Account', Name='a')}"

    refused = caller.patch(path, {"Name": "b"}, headers={name: "bare"})

    assert error_of(refused)[:2] == (400, "INVALID_HEADER")
    assert caller.get(path, headers={name: "bare"}).status_code == 200


def test_a_delete_takes_no_conditions(caller: Caller) -> None:
    path = f"/sobjects/Account/{caller.create('Account', Name='a')}"

    assert caller.delete(path, headers={"If-Match": '"old"'}).status_code == 204


def test_conditions_hold_for_rows_by_key_and_inside_a_composite(caller: Caller) -> None:
    path = "/sobjects/Account/External_Id__c/e-1"
    caller.patch(path, {"Name": "a"})
    item = {
        "method": "PATCH",
        "url": "/services/data/v66.0" + path,
        "referenceId": "r",
        "body": {"Name": "b"},
        "httpHeaders": {"If-Match": '"old"'},
    }

    (inner,) = caller.post("/composite", {"compositeRequest": [item]}).json()["compositeResponse"]

    assert caller.patch(path, {"Name": "b"}, headers={"If-Match": '"old"'}).status_code == 412
    assert inner["httpStatusCode"] == 412


@pytest.mark.parametrize("path", ["/sobjects", "/sobjects/Account/describe"])
def test_a_describe_is_not_modified_since_the_org_was_opened(caller: Caller, clock: Clock, path: str) -> None:
    clock.advance(3600)

    assert caller.get(path, headers={"If-Modified-Since": AFTER}).status_code == 304
    assert caller.get(path, headers={"If-Modified-Since": BEFORE}).status_code == 200
    assert caller.get(path, headers={"If-Unmodified-Since": BEFORE}).status_code == 412
