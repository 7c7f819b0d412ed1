"""Made-up calls of the control plane.

Belongs here: paths and queries below /emulator/. Not here: what is asked for (control_bodies.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from sf_pipelines.emulator.control.plane import RESOURCES
from sf_pipelines_tests.fuzz.control_bodies import NAMES, OBJECTS, wishes
from sf_pipelines_tests.fuzz.json_bodies import ANYTHING
from sf_pipelines_tests.fuzz.org import CHANNEL, DRAINED_LIMIT
from sf_pipelines_tests.fuzz.parts import ANY_METHOD, TEXT, Content, broken, typed, usually
from sf_pipelines_tests.fuzz.wire import WireRequest


def control_requests(ids: Sequence[str]) -> st.SearchStrategy[WireRequest]:
    """Any call of any resource, or beside them; `ids` are of rows that exist."""
    return st.one_of([_requests_to(pattern, ids) for pattern in RESOURCES])


def _requests_to(pattern: str, ids: Sequence[str]) -> st.SearchStrategy[WireRequest]:
    special = {"drains/{name}": DRAINED_LIMIT, "changes/channels/{name}": CHANNEL.rpartition("/")[2]}
    known = st.just(special[pattern]) if pattern in special else NAMES
    name = usually(known, NAMES).map(lambda text: quote(text, safe=""))
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
    objects = st.lists(OBJECTS, max_size=2).map(lambda names: {"objects": ",".join(names)})
    return st.one_of(st.just({}), waits, objects).map(urlencode)


def _contents(pattern: str, ids: Sequence[str]) -> Content:
    resource = pattern.partition("/")[0]
    wish = wishes(ids).get(pattern, st.just({}))
    as_json = usually(wish, ANYTHING).map(
        lambda value: (json.dumps(value).encode(), typed("application/json"))
    )
    rows = st.dictionaries(st.sampled_from(["sobject", "Id", "Name"]), TEXT | st.just("Account"), max_size=3)
    dumped = st.lists(usually(rows, ANYTHING), max_size=3).map(
        lambda lines: ("\n".join(map(json.dumps, lines)).encode(), typed("application/x-ndjson"))
    )
    whole = as_json | dumped if resource == "diff" else as_json
    return usually(whole, broken(whole) | st.just((b"", {})), times=19)
