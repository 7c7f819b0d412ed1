"""Made-up bodies of the control plane.

Belongs here: what each resource is asked for. Counts of rows stay small, because these calls do what they are
told. Not here: paths (control_requests.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from hypothesis import strategies as st

from sf_pipelines.emulator.changes.settings import ChangeSettings
from sf_pipelines.emulator.faults.kinds import KINDS
from sf_pipelines_tests.fuzz.json_bodies import ANYTHING
from sf_pipelines_tests.fuzz.org import CHANNEL, NAME
from sf_pipelines_tests.fuzz.parts import TEXT, Strategy, usually

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
OBJECTS = usually(
    st.sampled_from(["Account", "Contact", "Opportunity", "Lead", "Case"]), TEXT | st.just("User")
)
NAMES = usually(st.sampled_from([NAME, NAME, "two"]), TEXT | st.sampled_from(["a/b", "%", "\0"]))
_TOPICS = usually(st.sampled_from([CHANNEL, "/data/ChangeEvents", "/data/AccountChangeEvent"]), TEXT)
_CHANGES = usually(st.sampled_from(["GAP_UPDATE", "GAP_CREATE", "GAP_OVERFLOW"]), st.just("CREATE") | TEXT)
_WORDS = st.sampled_from(["LATEST", "EARLIEST", "RUN", "STOP", "x"])
_FIGURES = usually(st.sampled_from([one.name for one in fields(ChangeSettings)]), TEXT)
_SCOPES: dict[str, Strategy] = {
    "method": st.sampled_from(["GET", "post", ""]),
    "path": st.sampled_from(["*", "*/query*", "[", ""]),
    "object": OBJECTS,
    "operation": st.sampled_from(["insert", "query"]),
    "change": _CHANGES,
    "topic": _TOPICS,
    "when": st.sampled_from(["before", "after", "x"]),
    "nth": _SMALL,
    "every": _SMALL,
    "first": _SMALL,
    "probability": st.floats(-1, 2) | TEXT,
    "name": NAMES,
    "seed": _WHOLE,
}


def wishes(ids: Sequence[str]) -> dict[str, Strategy]:
    """What each resource is asked for, or nearly, by its pattern."""
    frozen = usually(st.booleans(), TEXT)
    use = _some(used=_WHOLE, max=_WHOLE)
    triggers = st.dictionaries(OBJECTS | st.just("*"), _NUMBERS, max_size=2)
    return {
        "clock": _some(frozen=frozen, advance_seconds=_NUMBERS, set=_MOMENTS),
        "limits": st.dictionaries(_LIMITS, usually(use, TEXT), max_size=2),
        "drains": st.dictionaries(_LIMITS, usually(_some(remaining=_WHOLE), TEXT), max_size=2),
        "latency": _some(profile=st.sampled_from(["instant", "realistic", "x"]), trigger_ms_per_row=triggers),
        "faults": _faults(),
        "seed": _some(seed=_WHOLE, objects=st.dictionaries(OBJECTS, _SMALL, max_size=3)),
        "undelete": _some(ids=st.lists(st.sampled_from([*ids, "001", "zzz"]) | TEXT, max_size=3)),
        "diff": _some(snapshot=NAMES),
        "snapshots": _some(name=NAMES),
        "changes/channels": _some(channel=_TOPICS, entities=st.lists(OBJECTS, max_size=3), unlimited=frozen),
        "changes/settings": st.dictionaries(_FIGURES, _NUMBERS, max_size=2),
        "changes/gaps": _some(object=OBJECTS, change=_CHANGES, ids=st.lists(TEXT, max_size=2)),
        "changes/wildcard": _some(object=OBJECTS),
        "changes/subscriptions": _some(
            developer_name=NAMES, topic=_TOPICS, state=_WORDS, default_replay=_WORDS
        ),
    }


def _faults() -> Strategy:
    """Of every kind, mostly with its own options, and with a few of the keys that any of them has."""
    values = st.sampled_from([0, 1, 503, 0.5, "TotalRequests", "UNABLE_TO_LOCK_ROW", {}, []]) | ANYTHING
    of_kinds = [
        st.fixed_dictionaries(
            {"kind": st.just(name)},
            optional={key: usually(st.just(default), values) for key, default in kind.options.items()},
        )
        for name, kind in KINDS.items()
    ]
    fault = usually(st.one_of(of_kinds), _some(kind=TEXT | st.none(), status=values), times=19)
    few = st.lists(st.sampled_from(sorted(_SCOPES)), max_size=2, unique=True)
    scope = few.flatmap(lambda keys: st.fixed_dictionaries({key: _SCOPES[key] for key in keys}))
    return st.tuples(fault, usually(st.just({}), scope, times=1)).map(lambda pair: {**pair[0], **pair[1]})


def _some(**parts: Any) -> Strategy:
    return st.fixed_dictionaries({}, optional=parts)
