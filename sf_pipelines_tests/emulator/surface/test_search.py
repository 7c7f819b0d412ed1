from __future__ import annotations

import pytest

from sf_pipelines_tests.emulator.surface.support import Caller, error_of


@pytest.mark.parametrize("query", ["", "?q=", "?q=FIND+Acme", "?q=FIND+{}", "?q=SELECT+Id+FROM+Account"])
def test_a_search_without_a_term_in_braces_is_malformed(caller: Caller, query: str) -> None:
    assert error_of(caller.get("/search" + query))[:2] == (400, "MALFORMED_SEARCH")


def test_a_right_search_is_told_that_the_org_has_none(caller: Caller) -> None:
    term = {"q": "FIND {Acme} IN ALL FIELDS RETURNING Account(Id)"}
    answers = [
        caller.get("/search", params=term),
        caller.get("/parameterizedSearch", params={"q": "Acme"}),
        caller.post("/parameterizedSearch", {"q": "Acme", "sobjects": [{"name": "Account"}]}),
    ]

    assert {error_of(answer)[:2] for answer in answers} == {(403, "FUNCTIONALITY_NOT_ENABLED")}


def test_a_parameterized_search_needs_its_term(caller: Caller) -> None:
    assert error_of(caller.get("/parameterizedSearch"))[:2] == (400, "MISSING_ARGUMENT")
    assert error_of(caller.post("/parameterizedSearch", {}))[:2] == (400, "MISSING_ARGUMENT")
    assert error_of(caller.post("/parameterizedSearch", {"q": 1}))[:2] == (400, "JSON_PARSER_ERROR")
