"""Made-up JSON: near-valid bodies of every writing resource, with a wrong part here and there.

Belongs here: bodies. Not here: paths, headers (rest_requests.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from sf_pipelines_tests.fuzz.parts import Strategy, usually

_FIELD_NAMES = (
    "Name Id id External_Id__c LastName AccountId Account ParentId OwnerId Owner BillingCity BillingAddress "
    "NumberOfEmployees AnnualRevenue Last_Seen__c CloseDate StageName Industry Email IsDeleted attributes "
    "SystemModstamp Contacts"
)
FIELDS = usually(st.sampled_from(_FIELD_NAMES.split()), st.text(max_size=4))
TYPES = usually(
    st.sampled_from(["Account", "Account", "Contact", "account", "Opportunity", "Lead", "User", "Nope"]),
    st.text(max_size=4),
    times=19,
)
_GOOD_RECORDS = st.sampled_from(
    [
        {"Name": "Acme"},
        {"LastName": "Ann"},
        {"Name": "Acme", "External_Id__c": "e-1"},
        {"LastName": "Ann", "Account": {"External_Id__c": "e-5"}},
        {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-03-01"},
    ]
)
_REFERENCES = usually(
    st.integers(min_value=0, max_value=10**6).map(lambda number: f"r{number}"),
    st.sampled_from(["r1", "_x", "has space", ""]),
    times=29,
)
_SCALARS: Strategy = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        ["e-1", "2026-01-01", "2026-01-01T00:00:00Z", "a@b.cc", "@{r1.id}", "@{r1.records[0].Id}"]
    )
    | st.sampled_from(["", "true", "12.5", "x" * 300, "@{", "@{}", "@{[1]}"])
)
ANYTHING: Strategy = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=3),
    max_leaves=6,
)


def bodies(ids: Sequence[str], inner_calls: Strategy) -> dict[str, Strategy]:
    """Bodies that the resources take, or nearly, by kind of resource.

    Args:
        ids: of things that exist.
        inner_calls: made-up pairs of method and URL for subrequests.
    """
    values = _SCALARS | st.sampled_from(list(ids))
    parents = st.dictionaries(FIELDS, values, max_size=2)
    record = usually(_GOOD_RECORDS, st.dictionaries(FIELDS, _mostly(values | parents), max_size=4), times=2)
    collection = _collections(record, ids)
    nodes = st.lists(_mostly(_node(inner_calls, record | collection)), max_size=6)
    batched = st.tuples(inner_calls, record).map(
        lambda pair: {"method": pair[0][0], "url": pair[0][1], "richInput": pair[1]}
    )
    flag = st.booleans()
    graph = _object(graphId=st.sampled_from(["1", "g2", "g.3", ""]), compositeRequest=nodes)
    return {
        "record": record,
        "jobs": _jobs(),
        "sobjects": collection,
        "tree": _tree(record),
        "composite": _object(allOrNone=flag, collateSubrequests=flag, compositeRequest=nodes),
        "graph": _object(graphs=st.lists(_mostly(graph), max_size=3)),
        "batch": _object(haltOnError=flag, batchRequests=st.lists(_mostly(batched), max_size=5)),
    }


def _node(inner_calls: Strategy, body: Strategy) -> Strategy:
    """A subrequest of a composite or of a graph."""
    headers = st.dictionaries(
        st.sampled_from(["Accept", "If-Match", "If-Modified-Since", "Sforce-Query-Options"]),
        st.text(max_size=8),
        max_size=2,
    )
    rest = _object(referenceId=_REFERENCES, body=body, httpHeaders=usually(st.just({}), headers))
    return st.tuples(inner_calls, rest).map(lambda pair: {"method": pair[0][0], "url": pair[0][1], **pair[1]})


def _collections(record: Strategy, ids: Sequence[str]) -> Strategy:
    typed = st.tuples(record, _object(type=TYPES)).map(lambda pair: {**pair[0], "attributes": pair[1]})
    texts = st.lists(st.sampled_from([*ids, "nonsense", ""]) | st.text(max_size=4), max_size=4)
    names = st.lists(FIELDS, max_size=4)
    written = _object(allOrNone=st.booleans(), records=st.lists(_mostly(typed), max_size=5))
    return written | _object(ids=texts, fields=names)


def _tree(record: Strategy) -> Strategy:
    leaf = st.tuples(record, _object(type=TYPES, referenceId=_REFERENCES)).map(
        lambda pair: {**pair[0], "attributes": pair[1]}
    )
    nested = st.recursive(
        leaf,
        lambda inner: st.tuples(leaf, st.lists(inner, max_size=3)).map(
            lambda pair: {**pair[0], "Contacts": {"records": pair[1]}}
        ),
        max_leaves=6,
    )
    return _object(records=st.lists(nested, max_size=3))


def _jobs() -> Strategy:
    return st.fixed_dictionaries(
        {},
        optional={
            "object": TYPES,
            "operation": st.sampled_from(
                ["insert", "upsert", "delete", "hardDelete", "query", "queryAll", "x"]
            ),
            "contentType": st.sampled_from(["CSV", "XML", "JSON"]),
            "lineEnding": st.sampled_from(["LF", "CRLF", "CR"]),
            "columnDelimiter": st.sampled_from(["COMMA", "TAB", "DOT"]),
            "externalIdFieldName": FIELDS,
            "query": SOQL,
            "state": st.sampled_from(["UploadComplete", "Aborted", "Open", "x"]),
            "q": st.text(max_size=4),
        },
    )


def _object(**parts: Strategy) -> Strategy:
    """A JSON object whose members are mostly there and mostly right."""
    whole = st.fixed_dictionaries({name: _mostly(part) for name, part in parts.items()})
    return st.one_of(whole, whole, st.fixed_dictionaries({}, optional=parts))


def _mostly(part: Strategy) -> Strategy:
    return usually(part, ANYTHING, times=29)


SOQL = st.sampled_from(
    [
        "SELECT Id FROM Account",
        "SELECT COUNT() FROM Account",
        "SELECT Name, Owner.Name FROM Account WHERE Name LIKE 'A%' ORDER BY Name DESC NULLS LAST LIMIT 3",
        "SELECT Id, (SELECT Id FROM Contacts) FROM Account LIMIT 2",
        "SELECT Industry, COUNT(Id) n FROM Account GROUP BY Industry HAVING COUNT(Id) > 1",
        "SELECT FIELDS(ALL) FROM Account LIMIT 200",
        "SELECT Id FROM Account WHERE CreatedDate = LAST_N_DAYS:99999999999",
        "SELECT Id FROM Account WHERE AnnualRevenue > 1e999 OFFSET 5000",
        "SELECT Id FROM Account WHERE Id IN ('', '\\u0000', '001')",
        "SELECT",
        "",
    ]
) | st.tuples(st.sampled_from(["SELECT Id FROM Account WHERE ", "SELECT Id, "]), st.text(max_size=12)).map(
    "".join
)
