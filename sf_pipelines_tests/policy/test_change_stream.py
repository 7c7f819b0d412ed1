"""The change stream beside polling: which of the two keeps an object fresh, by events, calls and trouble."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sf_pipelines.model.decision import Action
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, DAILY_DELIVERED_EVENTS
from sf_pipelines.model.rail import LatencyClass, Rail
from sf_pipelines.model.slice import Slice, StreamState
from sf_pipelines.policy.performance import History
from sf_pipelines.policy.rail_choice import decide
from sf_pipelines.policy.thresholds import DEFAULT_THRESHOLDS
from sf_pipelines_tests.policy.slices import NOW, extract_slice, headroom

SPENT = "its allocation is spent"
FULL = {DAILY_API_REQUESTS: 100_000, DAILY_DELIVERED_EVENTS: 50_000}


def changes(rows: int, *, polls: int = 60, trouble: str | None = None) -> Slice:
    """An hour of changes to come, which a poll a minute would keep as fresh."""
    work = extract_slice(rows, latency_class=LatencyClass.NEAR_REAL_TIME)
    return replace(work, stream=StreamState(polls=polls, trouble=trouble))


@pytest.mark.parametrize(
    ("work", "left", "rail"),
    [
        pytest.param(changes(20), FULL, Rail.CDC, id="few changes cost fewer events than polls"),
        pytest.param(changes(5_000), FULL, Rail.REST, id="many changes cost more events than polls"),
        pytest.param(
            changes(5_000),
            FULL | {DAILY_API_REQUESTS: 10_010},
            Rail.CDC,
            id="scarce calls are not spent on polls",
        ),
        pytest.param(
            changes(20),
            FULL | {DAILY_DELIVERED_EVENTS: 0},
            Rail.REST,
            id="a spent allocation falls back to polls",
        ),
        pytest.param(
            changes(20), FULL | {DAILY_DELIVERED_EVENTS: 40_000}, Rail.CDC, id="and returns when it recovers"
        ),
        pytest.param(
            changes(20, trouble=SPENT),
            FULL,
            Rail.REST,
            id="a silent stream is not relied on",
        ),
    ],
)
def test_the_stream_is_weighed_against_polling(work: Slice, left: dict[str, int], rail: Rail) -> None:
    decision = decide(work, headroom(**left), History(), DEFAULT_THRESHOLDS, NOW)

    assert (decision.rail, decision.action.sends) == (rail, True)
    assert set(decision.costs) == set(Rail)


def test_a_forced_stream_that_is_in_trouble_waits_for_it() -> None:
    work = changes(20, trouble=SPENT)

    decision = decide(work, headroom(**FULL), History(), DEFAULT_THRESHOLDS, NOW, forced=Rail.CDC)

    assert decision.action is Action.DEFER
    assert decision.because[0].text == "The change stream cannot be relied on: its allocation is spent."


def test_a_window_of_the_past_never_goes_by_the_stream() -> None:
    decision = decide(extract_slice(20), headroom(**FULL), History(), DEFAULT_THRESHOLDS, NOW)

    assert decision.rejected[Rail.CDC].code == "cdc_carries_changes_only"
