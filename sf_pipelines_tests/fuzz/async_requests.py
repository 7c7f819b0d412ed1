"""Made-up calls of the Bulk API, version 1: jobs, batches, results, in XML, JSON and CSV.

Belongs here: paths, documents, contents, headers below /services/async/. Not here: spoiling XML
(xml_bodies.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from hypothesis import strategies as st

from sf_pipelines.emulator.bulk_v1.routes import ROUTES
from sf_pipelines.emulator.http.router import Route
from sf_pipelines_tests.fuzz.json_bodies import ANYTHING, FIELDS, SOQL, TYPES
from sf_pipelines_tests.fuzz.org import MEDIA, KnownJob
from sf_pipelines_tests.fuzz.parts import (
    ANY_METHOD,
    HEADER_TEXT,
    TEXT,
    Content,
    Strategy,
    broken,
    packed,
    typed,
    usually,
)
from sf_pipelines_tests.fuzz.wire import WireRequest
from sf_pipelines_tests.fuzz.xml_bodies import documents, element

_NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
_VERSIONS = usually(
    st.sampled_from(["66.0", "62.0", "59.0", "58.0"]),
    st.sampled_from(["30.0", "99.0", "x", "", "62"]),
    times=19,
)
# the two that write come up as often as the others together
_ROUTES = [*ROUTES, *[route for route in ROUTES if "POST" in route.methods] * 2]
_XML, _JSON, _CSV = "application/xml", "application/json", "text/csv"
_CSV_TEXTS = usually(
    st.sampled_from(
        [
            "Name\nAcme\n",
            "External_Id__c,Name\ne-1,a\ne-2,#N/A\n",
            "Name,Account.External_Id__c\nx,e-1\n",
            "Id\n001xx0000000001AAA\n",
            "SELECT Id, Name FROM Account",
        ]
    ),
    st.sampled_from(["", "Name", 'Name\n"x', "\ufeffName\r\nA\r\n", "Nope\n1\n", "a,a\n1,2\n", "Name\n\0\n"])
    | TEXT,
    times=2,
)


def async_requests(jobs: Sequence[KnownJob]) -> st.SearchStrategy[WireRequest]:
    """Any request to any resource, or beside them, mostly to the jobs that exist."""
    by_route = [(route, job) for route in _ROUTES for job in jobs]
    return st.sampled_from(by_route).flatmap(lambda pair: _requests_to(*pair, jobs))


def _requests_to(route: Route, job: KnownJob, jobs: Sequence[KnownJob]) -> st.SearchStrategy[WireRequest]:
    fitting, other = _jobs(), _records_in_any_form()
    if route.parts[-1] == "batch":
        fitting, other = _batches(job), fitting | other
    contents = usually(fitting, other)
    return st.builds(
        _request,
        version=_VERSIONS,
        call=_calls_of(route, job, jobs),
        query=usually(st.just(""), st.dictionaries(TEXT, TEXT, max_size=2).map(urlencode), times=19),
        content=usually(contents, packed(contents) | broken(contents)),
        headers=_headers(),
    )


def _request(
    version: str,
    call: tuple[str, str],
    query: str,
    content: tuple[bytes, dict[str, str]],
    headers: dict[str, str],
) -> WireRequest:
    body, described = content
    path = f"/services/async/{version}/{call[1]}"
    return WireRequest(method=call[0], path=path, query=query, headers={**headers, **described}, body=body)


def _calls_of(route: Route, job: KnownJob, jobs: Sequence[KnownJob]) -> st.SearchStrategy[tuple[str, str]]:
    """Method and path, of one job and what belongs to it, with a wrong segment here and there."""
    own = {"{id}": job.id, "{batch}": job.batch_id, "{result}": job.result_id}
    wild = TEXT.map(lambda text: quote(text, safe=""))
    other = st.sampled_from([id_ for one in jobs for id_ in (one.id, one.batch_id, one.result_id)])
    segments = [
        usually(st.sampled_from([own[part], own[part][:15]]), other | wild, times=14)
        if part in own
        else usually(st.just(part), wild, times=59)
        for part in route.parts
    ]
    path = st.tuples(*segments).map("/".join)
    method = usually(st.sampled_from([*route.methods]), ANY_METHOD)
    return st.tuples(method, usually(path, path.map(lambda text: text + "/"), times=19))


def _headers() -> st.SearchStrategy[dict[str, str]]:
    dead = st.sampled_from(["", "00Dxx0000000001!dead"]) | HEADER_TEXT
    others = st.fixed_dictionaries(
        {},
        optional={
            "accept": st.sampled_from([_XML, _JSON, "*/*", _CSV]) | HEADER_TEXT,
            "accept-encoding": st.sampled_from(["gzip", "deflate"]) | HEADER_TEXT,
            "sforce-enable-pkchunking": st.sampled_from(["TRUE", "chunkSize=2"]),
            "content-type": st.sampled_from([_XML, _JSON, _CSV, "text/xml", "zip/csv", "x"]) | HEADER_TEXT,
        },
    )
    session = usually(st.just({}), dead.map(lambda text: {"x-sfdc-session": text}), times=19)
    return st.tuples(others, session).map(lambda pair: {**pair[0], **pair[1]})


def _jobs() -> Content:
    """Documents that create or change a job."""
    as_json = usually(_facts(), ANYTHING, times=4).map(lambda value: json.dumps(value).encode())
    as_xml = documents(_facts().map(_job_document))
    return st.one_of(_typed(as_json, _JSON), _typed(as_xml, _XML), st.just((b"", {})))


def _batches(job: KnownJob) -> Content:
    """Contents for a batch of that job: a query, or records in its format."""
    media_type = MEDIA[job.content_type]
    if job.is_query:
        return _typed(usually(SOQL.map(str.encode), st.binary(max_size=9), times=19), media_type)
    return _typed(_records_as(job.content_type), media_type)


def _records_in_any_form() -> Content:
    return st.one_of([_typed(_records_as(form), media_type) for form, media_type in MEDIA.items()])


def _records_as(form: str) -> st.SearchStrategy[bytes]:
    records = st.lists(_records(), max_size=3)
    if form == "CSV":
        return usually(_CSV_TEXTS.map(str.encode), st.binary(max_size=9).map(b"Name\n".__add__), times=19)
    if form == "XML":
        return documents(records.map(_record_document))
    return usually(records, ANYTHING, times=4).map(lambda value: json.dumps(value).encode())


def _typed(bodies: st.SearchStrategy[bytes], content_type: str) -> Content:
    return bodies.map(lambda body: (body, typed(content_type)))


def _facts() -> st.SearchStrategy[dict[str, Any]]:
    good = {
        "operation": usually(
            st.sampled_from(["insert", "upsert", "update", "delete", "query", "queryAll"]), TEXT
        ),
        "object": TYPES,
        "contentType": usually(st.sampled_from(["CSV", "XML", "JSON"]), st.sampled_from(["ZIP_CSV", "x"])),
    }
    optional = {
        "concurrencyMode": st.sampled_from(["Parallel", "Serial", "0", "x"]),
        "externalIdFieldName": FIELDS,
        "assignmentRuleId": TEXT,
        "state": st.sampled_from(["Closed", "Aborted", "Open", "x"]),
        "nope": ANYTHING,
    }
    created = usually(
        st.fixed_dictionaries(good, optional={"externalIdFieldName": st.just("External_Id__c")}),
        st.fixed_dictionaries({}, optional={**good, **optional}),
        times=3,
    )
    changed = st.fixed_dictionaries({"state": usually(st.sampled_from(["Closed", "Aborted"]), TEXT)})
    return usually(created, changed, times=3)


def _records() -> st.SearchStrategy[dict[str, Any]]:
    parents = st.dictionaries(FIELDS, TEXT, max_size=2)
    values: Strategy = TEXT | st.sampled_from(["e-1", "#N/A", "", "12.5", "true"]) | st.none() | parents
    good = st.sampled_from([{"Name": "Acme"}, {"External_Id__c": "e-1", "Name": "b"}, {"LastName": "Ann"}])
    return usually(good, st.dictionaries(FIELDS, values | st.integers() | parents, max_size=4), times=2)


def _job_document(facts: Mapping[str, Any]) -> str:
    inner = "".join(element(name, escape(str(value))) for name, value in facts.items())
    return element("jobInfo", inner, xmlns=_NAMESPACE)


def _record_document(records: Sequence[Mapping[str, Any]]) -> str:
    return element("sObjects", "".join(map(_record_element, records)), xmlns=_NAMESPACE)


def _record_element(record: Mapping[str, Any]) -> str:
    fields = "".join(
        element(name, _record_element(value) if isinstance(value, dict) else escape(str(value)))
        for name, value in record.items()
    )
    return element("sObject", fields)
