"""Made-up requests over every route of /services/data/ that the router knows.

Belongs here: methods, paths, query strings, headers. Not here: JSON bodies (json_bodies.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from sf_pipelines.emulator.http.router import Route
from sf_pipelines_tests.fuzz.json_bodies import ANYTHING, FIELDS, SOQL, TYPES, bodies
from sf_pipelines_tests.fuzz.parts import (
    ANY_METHOD,
    HEADER_TEXT,
    TEXT,
    Content,
    broken,
    packed,
    typed,
    usually,
)
from sf_pipelines_tests.fuzz.wire import WireRequest

_OUTSIDE = [
    "/services/data",
    "/services/data/v66.0",
    "/services/data/v20.0/sobjects",
    "/services/data/v99.0/sobjects",
]
_VERSIONS = st.sampled_from(["v66.0", "v66.0", "v62.0", "v58.0"])
_DATES = st.sampled_from(
    [
        "2026-02-01T09:00:00Z",
        "2026-02-01T11:00:00+00:00",
        "2026-01-20T00:00:00.000Z",
        "2020-01-01T00:00:00Z",
        "x",
    ]
)
_HTTP_DATES = st.sampled_from(
    ["Sun, 01 Feb 2026 10:00:00 GMT", "Sun, 01 Feb 2032 10:00:00 GMT", "yesterday", ""]
)
_TAGS = st.sampled_from(['"abc--gzip"', "*", '"a", "b"', "bare", ""])
_ODD_JSON = [
    b'{"Name": "\\ud800"}',
    b'{"Name": "a", "NumberOfEmployees": 1e400}',
    b'{"Name": "a", "AnnualRevenue": 123456789012345678901234567890}',
    b'{"Name": "a", "Name": "b", "name": "c"}',
    b'{"Name": "\\u0000", "Description": "\xff"}',
    b"[" * 5_000,
    b'{"a":' * 900 + b"1" + b"}" * 900,
    b'\xef\xbb\xbf{"Name": "a"}',
    b"NaN",
    b"null",
]
_KEYS = usually(st.sampled_from(["External_Id__c", "external_id__c", "Id"]), FIELDS, times=4)


def rest_requests(routes: Sequence[Route], ids: Sequence[str]) -> st.SearchStrategy[WireRequest]:
    """Any request to any of the routes, or to a path outside them."""
    by_route = {route.pattern: _calls_of(route, ids) for route in routes}
    made_up = bodies(ids, _inner_calls(st.one_of(list(by_route.values())), ids))
    any_body = st.one_of(list(made_up.values()))
    below = [
        _request_to(_below_data(calls), usually(made_up.get(_body_kind(pattern), any_body), any_body), ids)
        for pattern, calls in by_route.items()
    ]
    outside = _request_to(st.tuples(ANY_METHOD, st.sampled_from(_OUTSIDE)), any_body, ids)
    return usually(st.sampled_from(below).flatmap(lambda one: one), outside, times=19)


def _request_to(
    calls: st.SearchStrategy[tuple[str, str]], values: st.SearchStrategy[Any], ids: Sequence[str]
) -> st.SearchStrategy[WireRequest]:
    return st.builds(_request, call=calls, query=_queries(ids), headers=_headers(), content=_contents(values))


def _request(
    call: tuple[str, str], query: str, headers: dict[str, str], content: tuple[bytes, dict[str, str]]
) -> WireRequest:
    body, described = content
    return WireRequest(method=call[0], path=call[1], query=query, headers={**headers, **described}, body=body)


def _body_kind(pattern: str) -> str:
    """Which of `bodies` a route takes."""
    first, _, second = pattern.partition("/")
    if first == "composite":
        return second.partition("/")[0] or first
    return "jobs" if first == "jobs" else "record"


def _below_data(calls: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(_VERSIONS, calls).map(
        lambda pair: (pair[1][0], f"/services/data/{pair[0]}/{pair[1][1]}")
    )


def _inner_calls(
    calls: st.SearchStrategy[tuple[str, str]], ids: Sequence[str]
) -> st.SearchStrategy[tuple[str, str]]:
    """Method and URL of a subrequest: whole, as a batch writes it, with a query, or wild."""
    whole = _below_data(calls)
    in_batch = whole.map(lambda call: (call[0], call[1].removeprefix("/services/data/")))
    with_query = st.tuples(whole, _queries(ids)).map(lambda pair: (pair[0][0], f"{pair[0][1]}?{pair[1]}"))
    return usually(st.one_of(whole, in_batch, with_query), st.tuples(ANY_METHOD, TEXT))


def _calls_of(route: Route, ids: Sequence[str]) -> st.SearchStrategy[tuple[str, str]]:
    methods = st.sampled_from([*route.methods, *route.uploads])
    segments = [_segment(part, _fitting(route, ids)) for part in route.parts]
    path = st.tuples(*segments).map("/".join)
    closed = usually(path, path.map(lambda text: text + "/"), times=19)
    return st.tuples(usually(methods, ANY_METHOD), closed)


def _fitting(route: Route, ids: Sequence[str]) -> list[str]:
    """The ids that a path of the route may name: of jobs, of cursors, or of rows."""
    jobs = [id_ for id_ in ids if id_.startswith("750")]
    cursors = [id_ for id_ in ids if "-" in id_]
    if route.parts[:1] == ("jobs",):
        return jobs
    return cursors if route.parts[:1] in (("query",), ("queryAll",)) else sorted({*ids} - {*jobs, *cursors})


def _segment(part: str, ids: Sequence[str]) -> st.SearchStrategy[str]:
    wild = st.tuples(TEXT, st.sampled_from(["", "/%"])).map(lambda pair: quote(pair[0], safe=pair[1]))
    if part[0] not in "{~":
        return usually(st.just(part), wild, times=59)
    known = {"{sobject}": TYPES, "{field}": _KEYS, "{value}": st.sampled_from(["e-1", "e-2", "nobody", *ids])}
    other = st.sampled_from([*ids, *(id_[:15] for id_ in ids), part.strip("{}~")])
    return usually(known.get(part, other).map(lambda text: quote(text, safe="")), wild, times=19)


def _queries(ids: Sequence[str]) -> st.SearchStrategy[str]:
    pairs = st.one_of(
        st.tuples(st.just("q"), SOQL),
        st.tuples(st.just("fields"), st.lists(FIELDS, max_size=3).map(",".join)),
        st.tuples(st.just("ids"), st.lists(st.sampled_from([*ids, "x"]), max_size=4).map(",".join)),
        st.tuples(st.sampled_from(["start", "end"]), _DATES),
        st.tuples(st.sampled_from(["allOrNone", "updateOnly"]), st.sampled_from(["true", "false", "x"])),
        st.tuples(st.just("_HttpMethod"), st.sampled_from(["PATCH", "DELETE", "GET", "x"])),
        st.tuples(st.just("sObjects"), TYPES),
        st.tuples(
            st.sampled_from(["locator", "maxRecords", "queryLocator", "jobType", "isPkChunkingEnabled"]),
            st.sampled_from(["MjAwMA", "5", "-1", "99999999999999", "V2Query", "true"]) | TEXT,
        ),
        st.tuples(TEXT, TEXT),
    )
    usual = st.lists(pairs, max_size=4).map(urlencode)
    return st.one_of(
        *[usual] * 9, st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12)
    )


def _headers() -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "accept": st.sampled_from(["application/json", "*/*", "application/xml", "text/csv"])
            | HEADER_TEXT,
            "accept-encoding": st.sampled_from(["gzip", "deflate", "gzip;q=0, deflate", "br"]) | HEADER_TEXT,
            "if-match": _TAGS,
            "if-none-match": _TAGS | HEADER_TEXT,
            "if-modified-since": _HTTP_DATES,
            "if-unmodified-since": _HTTP_DATES | HEADER_TEXT,
            "sforce-call-options": st.sampled_from(["client=fuzz", "client="]) | HEADER_TEXT,
            "sforce-query-options": st.sampled_from(["batchSize=200", "batchSize=x"]) | HEADER_TEXT,
            "sforce-mru": st.sampled_from(["updateMru=false", "updateMru=true"]) | HEADER_TEXT,
            "sforce-auto-assign": HEADER_TEXT,
            "sforce-duplicate-rule-header": st.just("allowSave=true") | HEADER_TEXT,
            "x-prettyprint": st.just("1"),
        },
    )


def _contents(values: st.SearchStrategy[Any]) -> Content:
    """A body and the headers that describe it, mostly truly."""
    as_json = usually(values, ANYTHING).map(
        lambda value: (json.dumps(value).encode(), typed("application/json"))
    )
    csv = st.sampled_from(["Name\nAcme\n", 'Name,Id\n"x', "", "\ufeffName\r\nA\r\n"]).map(
        lambda text: (text.encode(), typed("text/csv"))
    )
    kinds = st.sampled_from(
        ["application/json", "text/csv", "multipart/form-data; boundary=x", "a/b; charset=x"]
    )
    garbage = st.tuples(st.binary(max_size=60), (kinds | HEADER_TEXT).map(typed))
    odd = st.sampled_from(_ODD_JSON).map(lambda body: (body, typed("application/json")))
    others = st.one_of(packed(as_json), broken(as_json), csv, garbage, odd, st.just((b"", {})))
    return usually(as_json, others, times=4)
