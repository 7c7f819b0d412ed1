from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sf_pipelines.model.rail import Operation
from sf_pipelines.rails.client import connect
from sf_pipelines.rails.errors import (
    ConcurrencyLimitError,
    OrgUnavailableError,
    RefusedError,
    SessionExpiredError,
    TransportError,
    UnexpectedAnswerError,
    UnknownOutcomeError,
    UnreachableError,
)
from sf_pipelines.rails.ports import ApiUsage, SalesforceClient
from sf_pipelines_tests.rails.scripted_org import (
    PATIENCE_SECONDS,
    Received,
    Reply,
    ScriptedOrg,
    error_reply,
    json_reply,
)
from sf_pipelines_tests.rails.settings_samples import client_credentials

EXPIRED = error_reply(401, "INVALID_SESSION_ID", "Session expired or invalid")
BUSY = error_reply(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.")
JOB_ID = "750000000000001AAA"
BATCHES = f"jobs/ingest/{JOB_ID}/batches"


class Blocks:
    """A body that can be sent again."""

    def __init__(self, *blocks: bytes) -> None:
        self._blocks = blocks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._blocks)


def count_reply(total: int) -> Reply:
    return json_reply({"totalSize": total, "done": True, "records": []})


def write_one(client: SalesforceClient) -> None:
    client.rest.write("Account", Operation.INSERT, [{"Name": "Ann"}])


def written(request: Received) -> Reply:
    subrequests = request.json()["compositeRequest"]
    bodies = [
        {
            "referenceId": item["referenceId"],
            "httpStatusCode": 200,
            "body": [{"id": "001", "success": True, "errors": []} for _ in item["body"]["records"]],
        }
        for item in subrequests
    ]
    return json_reply({"compositeResponse": bodies})


def test_an_expired_session_is_renewed_once_and_the_call_replayed(
    org: ScriptedOrg, client: SalesforceClient, sleeps: list[float]
) -> None:
    org.script("GET", "query", EXPIRED, count_reply(7))

    assert client.rest.count("SELECT COUNT() FROM Account") == 7
    assert [call.token for call in org.calls()] == ["t1", "t2"]
    assert sleeps == []


def test_a_write_is_replayed_after_a_renewal_too(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("POST", "composite", EXPIRED, written)

    write_one(client)

    first, second = org.calls()
    assert (first.token, second.token) == ("t1", "t2")
    assert first.body == second.body


def test_a_session_refused_twice_fails(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("GET", "query", EXPIRED)

    with pytest.raises(SessionExpiredError) as caught:
        client.rest.count("SELECT COUNT() FROM Account")

    assert len(org.calls()) == 2
    assert len(org.token_calls()) == 2
    assert not caught.value.is_retryable


def test_an_upload_that_can_restart_is_replayed_whole(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("PUT", BATCHES, EXPIRED, Reply(status=201))

    client.ingest.upload(JOB_ID, Blocks(b"Id\n", b"1\n"))

    assert [call.body for call in org.calls()] == [b"Id\n1\n", b"Id\n1\n"]


def test_an_upload_that_cannot_restart_fails_with_the_session_renewed(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    org.script("PUT", BATCHES, EXPIRED, Reply(status=201))

    with pytest.raises(SessionExpiredError) as caught:
        client.ingest.upload(JOB_ID, iter([b"Id\n", b"1\n"]))
    assert caught.value.job_id == JOB_ID

    client.ingest.upload(JOB_ID, iter([b"Id\n", b"1\n"]))
    assert [call.token for call in org.calls()] == ["t1", "t2"]


def test_threads_that_are_refused_together_renew_once(org: ScriptedOrg, client: SalesforceClient) -> None:
    together = threading.Barrier(4, timeout=PATIENCE_SECONDS)

    def refuse_the_first_token(request: Received) -> Reply:
        if request.token != "t1":
            return count_reply(1)
        together.wait()
        return EXPIRED

    org.script("GET", "query", refuse_the_first_token)
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(client.rest.count, ["SELECT COUNT() FROM Account"] * 4))

    assert counts == [1, 1, 1, 1]
    assert len(org.token_calls()) == 2


@pytest.mark.parametrize("status", [420, 429, 500, 502, 503, 504])
def test_a_read_is_repeated_with_longer_waits(
    org: ScriptedOrg, client: SalesforceClient, sleeps: list[float], status: int
) -> None:
    bad = Reply(status=status)
    org.script("GET", "query", bad, bad, bad, count_reply(3))

    assert client.rest.count("SELECT COUNT() FROM Account") == 3
    assert sleeps == [1.0, 2.0, 4.0]


def test_a_read_ends_after_five_attempts(
    org: ScriptedOrg, client: SalesforceClient, sleeps: list[float]
) -> None:
    org.script("GET", "query", Reply(status=503))

    with pytest.raises(OrgUnavailableError):
        client.rest.count("SELECT COUNT() FROM Account")

    assert len(org.calls()) == 5
    assert sleeps == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("bad", [Reply(hang_up=True), Reply(body=b'{"totalSize":1}', cut_after=4)])
def test_a_lost_answer_to_a_read_is_asked_for_again(
    org: ScriptedOrg, client: SalesforceClient, bad: Reply
) -> None:
    org.script("GET", "query", bad, count_reply(3))

    assert client.rest.count("SELECT COUNT() FROM Account") == 3


def test_a_read_without_any_answer_is_a_transport_error(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("GET", "query", Reply(hang_up=True))

    with pytest.raises(TransportError) as caught:
        client.rest.count("SELECT COUNT() FROM Account")

    assert caught.value.request_id
    assert caught.value.path == "/services/data/v66.0/query"
    assert "SELECT" not in str(caught.value)


UNKNOWN = [
    pytest.param(Reply(hang_up=True), id="no-answer"),
    pytest.param(Reply(body=b'{"compositeResponse":[]}', cut_after=5), id="answer-cut"),
    pytest.param(Reply(status=500), id="500"),
    pytest.param(Reply(status=502, body=b"<html></html>"), id="502-html"),
    pytest.param(error_reply(503, "SERVER_UNAVAILABLE"), id="503"),
    pytest.param(Reply(body=b"<html></html>"), id="html"),
    pytest.param(json_reply({}), id="other-shape"),
]


@pytest.mark.parametrize("reply", UNKNOWN)
def test_a_write_without_a_clear_answer_is_never_sent_again(
    org: ScriptedOrg, client: SalesforceClient, sleeps: list[float], reply: Reply
) -> None:
    org.script("POST", "composite", reply)

    with pytest.raises(UnknownOutcomeError) as caught:
        write_one(client)

    assert len(org.calls()) == 1
    assert sleeps == []
    assert caught.value.request_id == org.calls()[0].headers["X-Request-Id"]
    assert not caught.value.is_retryable


@pytest.mark.parametrize("reply", [Reply(status=429), Reply(status=420), BUSY])
def test_a_write_that_the_org_did_not_begin_is_sent_again(
    org: ScriptedOrg, client: SalesforceClient, sleeps: list[float], reply: Reply
) -> None:
    org.script("POST", "composite", reply, written)

    write_one(client)

    assert len(org.calls()) == 2
    assert sleeps == [1.0]


def test_an_upload_that_cannot_restart_is_not_repeated(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("PUT", BATCHES, BUSY)

    with pytest.raises(ConcurrencyLimitError):
        client.ingest.upload(JOB_ID, iter([b"Id\n"]))

    assert len(org.calls()) == 1


def test_a_plain_refusal_is_not_repeated(
    org: ScriptedOrg, client: SalesforceClient, sleeps: list[float]
) -> None:
    org.script("GET", "query", error_reply(400, "MALFORMED_QUERY", "unexpected token"))

    with pytest.raises(RefusedError, match="MALFORMED_QUERY: unexpected token"):
        client.rest.count("SELECT")

    assert sleeps == []


def test_every_request_says_who_sends_it_and_takes_gzip(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("GET", "query", count_reply(1))

    client.rest.count("SELECT COUNT() FROM Account")

    headers = org.calls()[0].headers
    assert headers["Sforce-Call-Options"] == "client=sf_pipelines"
    assert headers["Accept-Encoding"] == "gzip"


def test_only_large_json_bodies_are_compressed(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("POST", "composite", written)

    write_one(client)
    client.rest.write("Account", Operation.INSERT, [{"Name": "x" * 5_000}])

    small, large = org.calls()
    assert "Content-Encoding" not in small.headers
    assert large.headers["Content-Encoding"] == "gzip"
    assert len(large.body) < 1_000
    records = large.json()["compositeRequest"][0]["body"]["records"]
    assert records[0]["Name"] == "x" * 5_000


def test_usage_is_read_from_every_answer_also_from_refusals(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    assert client.org.api_usage is None
    refused = error_reply(400, "MALFORMED_QUERY")
    refused.headers["Sforce-Limit-Info"] = "api-usage=18/5000; per-app-api-usage=17/250(appName=x)"
    org.script("GET", "query", refused)

    with pytest.raises(RefusedError):
        client.rest.count("SELECT")

    assert client.org.api_usage == ApiUsage(used=18, maximum=5000)


def test_calls_are_counted_with_their_repetitions_and_without_tokens(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    org.script("GET", "query", EXPIRED, Reply(status=503), count_reply(1))

    client.rest.count("SELECT COUNT() FROM Account")

    assert client.org.calls_made == 3
    assert len(org.token_calls()) == 2


def test_a_call_that_was_never_sent_is_not_counted(sleeps: list[float]) -> None:
    with ScriptedOrg() as org:
        reply = count_reply(1)
        reply.headers["Connection"] = "close"
        org.script("GET", "query", reply)
        client = connect(client_credentials(org.url), sleep=sleeps.append)
        client.rest.count("SELECT COUNT() FROM Account")

    with pytest.raises(UnreachableError):
        client.rest.write("Account", Operation.INSERT, [{"Name": "Ann"}])

    assert client.org.calls_made == 1
    assert len(sleeps) == 4


def test_the_orgs_own_request_id_is_kept(org: ScriptedOrg, client: SalesforceClient) -> None:
    refused = error_reply(400, "MALFORMED_QUERY")
    refused.headers["X-SFDC-Request-Id"] = "org-77"
    org.script("GET", "query", refused)

    with pytest.raises(RefusedError) as caught:
        client.rest.count("SELECT")

    assert caught.value.org_request_id == "org-77"
    assert caught.value.request_id == org.calls()[0].headers["X-Request-Id"]


def test_redirects_are_not_followed(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script(
        "GET", "query", Reply(status=302, headers={"Location": f"{org.url}/services/data/v66.0/limits"})
    )

    with pytest.raises(UnexpectedAnswerError):
        client.rest.count("SELECT")

    assert [call.path for call in org.calls()] == ["/services/data/v66.0/query"]


def test_connections_are_used_again(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("GET", "query", count_reply(1))

    for _ in range(5):
        client.rest.count("SELECT COUNT() FROM Account")

    assert len({call.peer for call in org.received}) == 1
