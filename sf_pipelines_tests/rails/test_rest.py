from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sf_pipelines.model.outcome import OutcomeState, RecordError, RecordOutcome
from sf_pipelines.model.rail import Operation
from sf_pipelines.rails.errors import (
    FieldNotFoundError,
    RequestLimitError,
    UnexpectedAnswerError,
    UnknownOutcomeError,
)
from sf_pipelines.rails.ports import SalesforceClient
from sf_pipelines.rails.rest import Rest
from sf_pipelines_tests.rails.scripted_org import DATA, Received, Reply, ScriptedOrg, error_reply, json_reply

SOQL = "SELECT Id FROM Account"
Answering = Callable[[Received], Reply]


def good(number: int) -> dict[str, Any]:
    return {"id": f"001{number:012}AAA", "success": True, "errors": []}


def bad(code: str = "REQUIRED_FIELD_MISSING") -> dict[str, Any]:
    error = {"statusCode": code, "message": "Required fields are missing: [Name]", "fields": ["Name"]}
    return {"success": False, "errors": [error]}


def composite(*bodies: Any, statuses: tuple[int, ...] = ()) -> Reply:
    """Bodies of the collections, listed backwards: an org owes no order to the outer list."""
    numbered = [
        {"referenceId": f"collection{number}", "httpStatusCode": status, "body": body}
        for number, (body, status) in enumerate(zip(bodies, statuses or (200,) * len(bodies), strict=True))
    ]
    return json_reply({"compositeResponse": numbered[::-1]})


def names(count: int) -> list[dict[str, Any]]:
    return [{"Name": f"n{number}"} for number in range(count)]


def small_rest(client: SalesforceClient) -> Rest:
    """REST whose calls hold about one record, so that a write needs several."""
    assert isinstance(client.rest, Rest)
    return Rest(client.rest._transport, max_body_bytes=700)  # pyright: ignore[reportPrivateUsage]


def test_a_thousand_records_are_one_call_of_five_collections(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    bodies = [[good(block * 200 + number) for number in range(200)] for block in range(5)]
    org.script("POST", "composite", composite(*bodies))

    response = client.rest.write("Account", Operation.INSERT, names(1_000))

    (call,) = org.calls()
    sent = call.json()
    assert sent["allOrNone"] is False
    assert [len(item["body"]["records"]) for item in sent["compositeRequest"]] == [200] * 5
    assert {item["url"] for item in sent["compositeRequest"]} == {f"{DATA}/composite/sobjects"}
    assert [item.salesforce_id for item in response.outcomes] == [good(n)["id"] for n in range(1_000)]
    assert response.request_id == call.headers["X-Request-Id"]
    assert client.org.calls_made == 1


def test_outcomes_come_in_request_order_with_code_text_and_fields(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    org.script("POST", "composite", composite([good(1), bad(), good(3)]))

    outcomes = client.rest.write("Account", Operation.INSERT, names(3)).outcomes

    error = RecordError(
        code="REQUIRED_FIELD_MISSING", message="Required fields are missing: [Name]", fields=("Name",)
    )
    assert outcomes == (
        RecordOutcome(state=OutcomeState.SUCCEEDED, salesforce_id=good(1)["id"], created=True),
        RecordOutcome(state=OutcomeState.FAILED, error=error),
        RecordOutcome(state=OutcomeState.SUCCEEDED, salesforce_id=good(3)["id"], created=True),
    )


CREATED = [
    (Operation.INSERT, good(1), True),
    (Operation.UPDATE, good(1), False),
    (Operation.DELETE, good(1), False),
    (Operation.UPSERT, good(1) | {"created": True}, True),
    (Operation.UPSERT, good(1) | {"created": False}, False),
]


@pytest.mark.parametrize(("operation", "result", "created"), CREATED)
def test_created_is_told_apart_from_updated(
    org: ScriptedOrg, client: SalesforceClient, operation: Operation, result: dict[str, Any], created: bool
) -> None:
    org.script("POST", "composite", composite([result]))
    key = "Key__c" if operation is Operation.UPSERT else None

    (outcome,) = client.rest.write("Account", operation, [{"Id": "001"}], external_id_field=key).outcomes

    assert outcome.created is created


def test_a_refused_collection_fails_each_of_its_records_and_no_other(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    envelope = [{"errorCode": "NOT_FOUND", "message": "Provided external ID field does not exist: K"}]
    bodies = [[good(number) for number in range(200)], envelope, [good(400)]]
    org.script("POST", "composite", composite(*bodies, statuses=(200, 404, 200)))

    outcomes = client.rest.write("Account", Operation.INSERT, names(401)).outcomes

    failed = [number for number, outcome in enumerate(outcomes) if outcome.state is OutcomeState.FAILED]
    assert failed == list(range(200, 400))
    assert {outcome.error.code for outcome in outcomes if outcome.error} == {"NOT_FOUND"}


def test_a_delete_without_id_fails_alone_and_is_not_sent(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("POST", "composite", composite([good(1), good(2)]))

    outcomes = client.rest.write(
        "Account", Operation.DELETE, [{"Id": "A"}, {"Id": None}, {"Id": "B"}]
    ).outcomes

    (request,) = org.calls()[0].json()["compositeRequest"]
    assert request["url"] == f"{DATA}/composite/sobjects?ids=A,B&allOrNone=false"
    assert [outcome.state.value for outcome in outcomes] == ["succeeded", "failed", "succeeded"]
    assert outcomes[1].error is not None
    assert outcomes[1].error.code == "MISSING_ARGUMENT"


UNCLEAR = [
    pytest.param(composite([good(1)]), id="one-result-too-few"),
    pytest.param(composite([good(1), "x"]), id="result-of-another-shape"),
    pytest.param(composite({"id": "001"}), id="no-list"),
    pytest.param(json_reply({"compositeResponse": []}), id="collection-missing"),
    pytest.param(json_reply([]), id="no-object"),
]


@pytest.mark.parametrize("reply", UNCLEAR)
def test_an_answer_that_leaves_records_out_is_an_unknown_outcome(
    org: ScriptedOrg, client: SalesforceClient, reply: Reply
) -> None:
    org.script("POST", "composite", reply)

    with pytest.raises(UnknownOutcomeError):
        client.rest.write("Account", Operation.INSERT, names(2))


def echo(request: Received) -> Reply:
    lists = [item["body"]["records"] for item in request.json()["compositeRequest"]]
    return composite(*[[{"id": record["Name"], "success": True} for record in records] for records in lists])


def test_a_body_too_large_for_one_call_is_split_in_order(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("POST", "composite", echo)

    response = small_rest(client).write("Account", Operation.INSERT, names(7))

    assert len(org.calls()) > 1
    assert [item.salesforce_id for item in response.outcomes] == [f"n{number}" for number in range(7)]
    assert response.request_id == ",".join(call.headers["X-Request-Id"] for call in org.calls())


SPENT = error_reply(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def test_what_an_earlier_call_wrote_is_told_when_a_later_one_is_refused(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    org.script("POST", "composite", echo, SPENT)

    outcomes = small_rest(client).write("Account", Operation.INSERT, names(7)).outcomes

    states = [outcome.state.value for outcome in outcomes]
    done = states.count("succeeded")
    assert 0 < done < 7
    assert states == ["succeeded"] * done + ["unprocessed"] * (7 - done)
    assert outcomes[-1].error is not None
    assert outcomes[-1].error.code == "REQUEST_LIMIT_EXCEEDED"
    assert len(org.calls()) == 2


def test_a_later_call_without_answer_leaves_all_unknown(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("POST", "composite", echo, Reply(hang_up=True))

    with pytest.raises(UnknownOutcomeError):
        small_rest(client).write("Account", Operation.INSERT, names(7))


def test_a_first_refusal_is_raised(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("POST", "composite", SPENT)

    with pytest.raises(RequestLimitError):
        client.rest.write("Account", Operation.INSERT, names(2))


def test_no_records_cost_no_call(org: ScriptedOrg, client: SalesforceClient) -> None:
    assert client.rest.write("Account", Operation.INSERT, []).outcomes == ()
    assert org.received == []


MISUSE: list[Any] = [
    (Operation.INSERT, names(1_001), None, "1001 records are too many"),
    (Operation.UPSERT, names(1), None, "external id"),
    (Operation.INSERT, names(1), "Key__c", "external id"),
    (Operation.QUERY, names(1), None, "cannot write"),
]


@pytest.mark.parametrize(("operation", "records", "key", "text"), MISUSE)
def test_misuse_is_refused_before_anything_is_sent(
    org: ScriptedOrg, client: SalesforceClient, operation: Operation, records: Any, key: str | None, text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        client.rest.write("Account", operation, records, external_id_field=key)

    assert org.received == []


def page(records: list[Any], total: int, next_path: str | None = None) -> Reply:
    more = {"nextRecordsUrl": next_path} if next_path else {}
    return json_reply({"totalSize": total, "done": next_path is None, "records": records} | more)


def test_pages_are_followed_by_the_orgs_own_urls(org: ScriptedOrg, client: SalesforceClient) -> None:
    second = f"{DATA}/query/01gXX0000004abcAAA-2000"
    org.script("GET", "query", page([{"Id": "1"}, {"Id": "2"}], 3, second))
    org.script("GET", second, page([{"Id": "3"}], 3))

    pages = list(client.rest.query(SOQL))

    assert [(item.total_size, item.records) for item in pages] == [
        (3, [{"Id": "1"}, {"Id": "2"}]),
        (3, [{"Id": "3"}]),
    ]
    first, following = org.calls()
    assert first.query == {"q": SOQL}
    assert following.query == {}
    assert {call.headers["Sforce-Query-Options"] for call in org.calls()} == {"batchSize=2000"}


def test_deleted_rows_are_asked_for_by_query_all(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("GET", "queryAll", page([{"Id": "1", "IsDeleted": True}], 1))

    assert [item.records for item in client.rest.query(SOQL, include_deleted=True)] == [
        [{"Id": "1", "IsDeleted": True}]
    ]


def test_attributes_are_taken_off_parents_and_children_too(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    attributes = {"type": "Account", "url": "/x"}
    record = {
        "attributes": attributes,
        "Id": "1",
        "Owner": {"attributes": attributes, "Name": "n"},
        "Parent": None,
        "Contacts": {"totalSize": 1, "done": True, "records": [{"attributes": attributes, "Id": "2"}]},
    }
    org.script("GET", "query", page([record], 1))

    (found,) = client.rest.query(SOQL)

    children = {"totalSize": 1, "done": True, "records": [{"Id": "2"}]}
    assert found.records == [{"Id": "1", "Owner": {"Name": "n"}, "Parent": None, "Contacts": children}]


BROKEN_PAGES = [
    json_reply({"totalSize": 1, "done": False, "records": []}),
    json_reply(
        {"totalSize": 1, "done": False, "records": [], "nextRecordsUrl": "https://example.org/services/data/"}
    ),
    json_reply({"totalSize": 1, "done": True}),
    json_reply([]),
]


@pytest.mark.parametrize("reply", BROKEN_PAGES)
def test_a_page_that_cannot_be_followed_is_an_error_and_no_end(
    org: ScriptedOrg, client: SalesforceClient, reply: Reply
) -> None:
    org.script("GET", "query", reply)

    with pytest.raises(UnexpectedAnswerError):
        list(client.rest.query(SOQL))


def test_an_unknown_field_is_named(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script(
        "GET", "query", error_reply(400, "INVALID_FIELD", "No such column 'Foo__c' on entity 'Account'. If")
    )

    with pytest.raises(FieldNotFoundError) as caught:
        next(client.rest.query("SELECT Foo__c FROM Account"))

    assert caught.value.field == "Foo__c"


def test_a_count_is_the_total_size(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("GET", "query", page([], 4_312), json_reply({"records": []}))

    assert client.rest.count("SELECT COUNT() FROM Account") == 4_312
    with pytest.raises(UnexpectedAnswerError):
        client.rest.count("SELECT COUNT() FROM Account")
