"""Made-up calls of the control plane.

Belongs here: paths, bodies, queries below /emulator/. Counts of rows and seconds to wait stay small, because
these calls do what they are told.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from sf_pipelines.emulator.control.plane import RESOURCES
from sf_pipelines.emulator.faults.kinds import KINDS
from sf_pipelines_tests.fuzz.json_bodies import ANYTHING
from sf_pipelines_tests.fuzz.org import DRAINED_LIMIT, NAME
from sf_pipelines_tests.fuzz.parts import ANY_METHOD, TEXT, Content, Strategy, broken, typed, usually
from sf_pipelines_tests.fuzz.wire import WireRequest

_LIMITS = usually(
    st.sampled_from(["DailyApiRequests", "DataStorageMB", "DailyBulkApiBatches", "ConcurrentPerOrgLongTxn"]),
    TEXT,
)
_SMALL = usually(st.integers(0, 20), st.integers(-3, -1) | TEXT | st.none() | st.booleans() | st.floats(0, 2))
_WHOLE = usually(st.integers(0, 10**9), st.integers(-(2**63), 2**63 - 1) | TEXT | st.none() | st.booleans())
_NUMBERS = usually(
    st.floats(-1e6, 1e6) | st.integers(0, 10**6),
    st.sampled_from([1e308, -1e308, 10**12, -(10**12), "x", None, True]),
)
_MOMENTS = usually(
    st.sampled_from(["2026-01-01T00:00:00Z", "2026-03-01T12:00:00+02:00", "1999-12-31T23:59:59.999Z"]),
    st.sampled_from(
        [
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "4000-12-31T00:00:00Z",
            "2026-01-01",
            "soon",
            7,
            None,
        ]
    ),
)
_OBJECTS = usually(
    st.sampled_from(["Account", "Contact", "Opportunity", "Lead", "Case"]), TEXT | st.just("User")
)
_NAMES = usually(st.sampled_from([NAME, NAME, "two"]), TEXT | st.sampled_from(["a/b", "%", "\0"]))


def control_requests(ids: Sequence[str]) -> st.SearchStrategy[WireRequest]:
    """Any call of any resource, or beside them; `ids` are of rows that exist."""
    return st.one_of([_requests_to(pattern, ids) for pattern in RESOURCES])


def _requests_to(pattern: str, ids: Sequence[str]) -> st.SearchStrategy[WireRequest]:
    known = st.just(DRAINED_LIMIT) if pattern.startswith("drains") else _NAMES
    name = usually(known, _NAMES).map(lambda text: quote(text, safe=""))
    path = name.map(lambda text: "/emulator/" + pattern.replace("{name}", text))
    beside = st.tuples(path, TEXT.map(lambda text: quote(text, safe="/"))).map("".join)
    return st.builds(
        _request,
        method=usually(st.sampled_from([*RESOURCES[pattern]]), ANY_METHOD),
        path=usually(path, beside, times=19),
        query=_queries(),
        content=_contents(pattern, ids),
    )


def _request(method: str, path: str, query: str, content: tuple[bytes, dict[str, str]]) -> WireRequest:
    return WireRequest(method=method, path=path, query=query, headers=content[1], body=content[0])


def _queries() -> st.SearchStrategy[str]:
    """A wait has always a short time, since its default is half a minute."""
    seconds = st.sampled_from(["0", "0.001", "-1", "nan", "x", ""])
    waits = st.tuples(usually(st.just("hit"), TEXT), seconds).map(
        lambda pair: {"wait": pair[0], "timeout_seconds": pair[1]}
    )
    objects = st.lists(_OBJECTS, max_size=2).map(lambda names: {"objects": ",".join(names)})
    return st.one_of(st.just({}), waits, objects).map(urlencode)


def _contents(pattern: str, ids: Sequence[str]) -> Content:
    resource = pattern.partition("/")[0]
    wish = _wishes(ids).get(resource, st.just({}))
    as_json = usually(wish, ANYTHING).map(
        lambda value: (json.dumps(value).encode(), typed("application/json"))
    )
    rows = st.dictionaries(st.sampled_from(["sobject", "Id", "Name"]), TEXT | st.just("Account"), max_size=3)
    dumped = st.lists(usually(rows, ANYTHING), max_size=3).map(
        lambda lines: ("\n".join(map(json.dumps, lines)).encode(), typed("application/x-ndjson"))
    )
    whole = as_json | dumped if resource == "diff" else as_json
    return usually(whole, broken(whole) | st.just((b"", {})), times=19)


def _wishes(ids: Sequence[str]) -> dict[str, Strategy]:
    """What each resource is asked for, or nearly."""
    frozen = usually(st.booleans(), TEXT)
    use = _some(used=_WHOLE, max=_WHOLE)
    triggers = st.dictionaries(_OBJECTS | st.just("*"), _NUMBERS, max_size=2)
    return {
        "clock": _some(frozen=frozen, advance_seconds=_NUMBERS, set=_MOMENTS),
        "limits": st.dictionaries(_LIMITS, usually(use, TEXT), max_size=2),
        "drains": st.dictionaries(_LIMITS, usually(_some(remaining=_WHOLE), TEXT), max_size=2),
        "latency": _some(profile=st.sampled_from(["instant", "realistic", "x"]), trigger_ms_per_row=triggers),
        "faults": _faults(),
        "seed": _some(seed=_WHOLE, objects=st.dictionaries(_OBJECTS, _SMALL, max_size=3)),
        "undelete": _some(ids=st.lists(st.sampled_from([*ids, "001", "zzz"]) | TEXT, max_size=3)),
        "diff": _some(snapshot=_NAMES),
        "snapshots": _some(name=_NAMES),
    }


def _faults() -> Strategy:
    """Of every kind, with the options of its kind, some of another."""
    options = {name for kind in KINDS.values() for name in kind.options}
    values = st.sampled_from([0, 1, 503, 0.5, "TotalRequests", "UNABLE_TO_LOCK_ROW", {}, []]) | ANYTHING
    scope = {
        "method": st.sampled_from(["GET", "post", ""]),
        "path": st.sampled_from(["*", "*/query*", "[", ""]),
        "object": _OBJECTS,
        "operation": st.sampled_from(["insert", "query"]),
        "name": _NAMES,
        "when": st.sampled_from(["before", "after", "x"]),
        "seed": _WHOLE,
    }
    schedule = {"nth": _SMALL, "every": _SMALL, "first": _SMALL, "probability": st.floats(-1, 2) | TEXT}
    given = {**scope, **schedule, **dict.fromkeys(sorted(options), values)}
    kinds = usually(st.sampled_from(sorted(KINDS)), TEXT | st.none())
    few = st.lists(st.sampled_from(sorted(given)), max_size=3, unique=True)
    return few.flatmap(
        lambda keys: st.fixed_dictionaries({"kind": kinds, **{key: given[key] for key in keys}})
    )


def _some(**parts: Any) -> Strategy:
    return st.fixed_dictionaries({}, optional=parts)
