from __future__ import annotations

from typing import Any

import pytest

from sf_pipelines_tests.emulator.surface.support import Caller, assert_golden, error_of

B = "/services/data/v66.0"
GOOD, BAD = {"Name": "a"}, {}


def sub(method: str, path: str, reference: str, body: Any = None) -> dict[str, Any]:
    item = {"method": method, "url": B + path, "referenceId": reference}
    return item if body is None else {**item, "body": body}


def new(body: dict[str, Any], reference: str = "r1") -> dict[str, Any]:
    return sub("POST", "/sobjects/Account", reference, body)


def graph(graph_id: str, *nodes: dict[str, Any]) -> dict[str, Any]:
    return {"graphId": graph_id, "compositeRequest": list(nodes)}


def send(caller: Caller, *graphs: dict[str, Any]) -> list[dict[str, Any]]:
    response = caller.post("/composite/graph", {"graphs": list(graphs)})
    assert response.status_code == 200, response.text
    return response.json()["graphs"]


def count(caller: Caller) -> int:
    return caller.query("SELECT COUNT() FROM Account")["totalSize"]


def test_a_graph_is_all_or_nothing_and_knows_no_other(caller: Caller) -> None:
    contact = {"LastName": "Ann", "AccountId": "@{r1.id}"}
    answers = send(
        caller,
        graph("good", new(GOOD), sub("POST", "/sobjects/Contact", "r2", contact)),
        graph("bad", new(GOOD), new(BAD, "r2"), new(GOOD, "r3")),
    )

    assert_golden("graph.json", {"graphs": answers})
    assert count(caller) == 1


def test_more_than_fourteen_failed_graphs_halt_the_rest(caller: Caller) -> None:
    failing = [graph(f"g{number}", new(BAD)) for number in range(14)]

    answers = send(caller, *failing, graph("ok", new(GOOD)), graph("f15", new(BAD)), graph("late", new(GOOD)))

    assert [answer["isSuccessful"] for answer in answers] == [False] * 14 + [True, False, False]
    (halted,) = answers[-1]["graphResponse"]["compositeResponse"]
    assert halted["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert count(caller) == 1


def test_a_graph_call_is_one_metered_call(caller: Caller) -> None:
    before = caller.surface.limits.used("DailyApiRequests")

    send(caller, *[graph(f"g{number}", new(GOOD)) for number in range(75)])

    assert caller.surface.limits.used("DailyApiRequests") == before + 1
    assert count(caller) == 75


def chain(length: int) -> dict[str, Any]:
    nodes = [new(GOOD)]
    nodes += [new({"Name": f"@{{r{number}.id}}"}, f"r{number + 1}") for number in range(1, length)]
    return graph("deep", *nodes)


def kinds(count: int) -> dict[str, Any]:
    versions, methods = range(58, 67), ("GET", "PATCH")
    urls = [
        (m, f"/services/data/v{v}.0/sobjects/Account/External_Id__c/e") for v in versions for m in methods
    ]
    nodes = [{"method": m, "url": url, "referenceId": f"r{n}"} for n, (m, url) in enumerate(urls)]
    return graph("wide", *nodes[:count])


@pytest.mark.parametrize(
    ("fits", "too_many"),
    [
        ([graph(f"g{n}", new(GOOD)) for n in range(75)], [graph(f"g{n}", new(GOOD)) for n in range(76)]),
        (
            [graph("g", *[new(GOOD, f"r{n}") for n in range(500)])],
            [graph("g", *[new(GOOD, f"r{n}") for n in range(501)])],
        ),
        ([chain(15)], [chain(16)]),
        ([kinds(15)], [kinds(16)]),
    ],
    ids=["graphs", "nodes", "depth", "kinds of nodes"],
)
def test_each_cap_is_where_salesforce_has_it(caller: Caller, fits: Any, too_many: Any) -> None:
    assert caller.post("/composite/graph", {"graphs": fits}).status_code == 200
    refused = caller.post("/composite/graph", {"graphs": too_many})

    assert error_of(refused)[:2] == (400, "LIMIT_EXCEEDED")


@pytest.mark.parametrize(
    "graphs",
    [
        [],
        "text",
        [1],
        [{"compositeRequest": [new(GOOD)]}],
        [graph("a.b", new(GOOD))],
        [graph("x" * 41, new(GOOD))],
        [graph("same", new(GOOD)), graph("same", new(GOOD))],
        [graph("g")],
        [graph("g", new(GOOD), new(GOOD))],
    ],
)
def test_a_malformed_graph_is_refused_whole(caller: Caller, graphs: Any) -> None:
    assert caller.post("/composite/graph", {"graphs": graphs}).status_code == 400
    assert count(caller) == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/sobjects/Account"), ("GET", "/query?q=SELECT+Id+FROM+Account"), ("GET", "/limits")],
)
def test_a_node_is_about_rows_only(caller: Caller, method: str, path: str) -> None:
    (answer,) = send(caller, graph("g", sub(method, path, "r1")))

    (item,) = answer["graphResponse"]["compositeResponse"]
    assert (answer["isSuccessful"], item["httpStatusCode"]) == (False, 400)
