from __future__ import annotations

from datetime import timedelta

import pytest

from sf_pipelines.model.decision import Action, Decision
from sf_pipelines.model.headroom import Headroom
from sf_pipelines.model.rail import Criticality, LatencyClass, Rail
from sf_pipelines.model.slice import Slice
from sf_pipelines.policy.performance import History, Performance
from sf_pipelines.policy.rail_choice import decide
from sf_pipelines.policy.thresholds import DEFAULT_THRESHOLDS, Thresholds
from sf_pipelines_tests.policy.slices import NOW, extract_slice, headroom, load_slice

RUN, THROTTLE, DEFER, REFUSE = Action.RUN, Action.THROTTLE, Action.DEFER, Action.REFUSE


def choose(slice_: Slice, left: Headroom, *, forced: Rail | None = None) -> Decision:
    return decide(slice_, left, History(), DEFAULT_THRESHOLDS, NOW, forced=forced)


@pytest.mark.parametrize(
    ("slice_", "left", "action", "rail"),
    [
        pytest.param(load_slice(0), headroom(), RUN, Rail.REST, id="an empty load makes no Bulk job"),
        pytest.param(load_slice(300), headroom(), RUN, Rail.REST, id="a few rows go by REST"),
        pytest.param(load_slice(200_000), headroom(), RUN, Rail.BULK, id="many rows go by Bulk"),
        pytest.param(
            load_slice(12_000, latency_class=LatencyClass.INTERACTIVE),
            headroom(),
            RUN,
            Rail.BULK,
            id="REST loses where it misses an interactive deadline",
        ),
        pytest.param(
            load_slice(3_000, latency_class=LatencyClass.INTERACTIVE),
            headroom(),
            RUN,
            Rail.REST,
            id="REST wins where it is just faster",
        ),
        pytest.param(
            load_slice(200_000),
            headroom(DailyBulkApiBatches=1_500),
            RUN,
            Rail.REST,
            id="many rows go by REST when the Bulk batches are spent",
        ),
        pytest.param(
            load_slice(5_000),
            headroom(DailyApiRequests=10_006),
            THROTTLE,
            Rail.REST,
            id="the rail that still fits runs, at a pace, when the other does not",
        ),
        pytest.param(
            load_slice(300),
            headroom(DailyApiRequests=10_000),
            DEFER,
            None,
            id="normal work is deferred when only the reserve is left",
        ),
        pytest.param(
            load_slice(300, criticality=Criticality.CRITICAL),
            headroom(DailyApiRequests=10_000),
            RUN,
            Rail.REST,
            id="critical work may use the reserve",
        ),
        pytest.param(
            load_slice(300, criticality=Criticality.DEFERRABLE),
            headroom(DailyApiRequests=25_000),
            DEFER,
            None,
            id="deferrable work yields first",
        ),
        pytest.param(
            load_slice(300),
            headroom(DailyApiRequests=25_000),
            RUN,
            Rail.REST,
            id="where normal work still runs",
        ),
        pytest.param(extract_slice(0), headroom(), RUN, Rail.REST, id="an empty window is one REST call"),
        pytest.param(extract_slice(1_000_000), headroom(), RUN, Rail.BULK, id="a large window goes by Bulk"),
        pytest.param(
            extract_slice(1_000_000, refused=("BillingAddress",)),
            headroom(),
            RUN,
            Rail.REST,
            id="a compound field keeps an extract on REST",
        ),
        pytest.param(
            extract_slice(1_000_000),
            headroom(DailyBulkV2QueryJobs=1_000),
            RUN,
            Rail.REST,
            id="a large window goes by REST when the query jobs are spent",
        ),
    ],
)
def test_the_policy_says_that(slice_: Slice, left: Headroom, action: Action, rail: Rail | None) -> None:
    decision = choose(slice_, left)
    assert (decision.action, decision.rail) == (action, rail)


@pytest.mark.parametrize(
    ("slice_", "left", "forced", "action"),
    [
        pytest.param(load_slice(1), headroom(), Rail.BULK, RUN, id="Bulk is honoured for a single row"),
        pytest.param(load_slice(500_000), headroom(), Rail.REST, RUN, id="REST is honoured for many rows"),
        pytest.param(
            load_slice(200_000),
            headroom(DailyApiRequests=10_100),
            Rail.REST,
            DEFER,
            id="REST is deferred where only Bulk would fit",
        ),
        pytest.param(
            extract_slice(10, refused=("BillingAddress",)),
            headroom(),
            Rail.BULK,
            REFUSE,
            id="Bulk is refused where it cannot carry a field",
        ),
        pytest.param(load_slice(1), headroom(), Rail.CDC, REFUSE, id="CDC is refused for a load"),
        pytest.param(extract_slice(1), headroom(), Rail.CDC, REFUSE, id="CDC is refused for an extract"),
    ],
)
def test_a_forced_rail_is_never_replaced(slice_: Slice, left: Headroom, forced: Rail, action: Action) -> None:
    decision = choose(slice_, left, forced=forced)

    assert decision.action is action
    assert decision.rail is (forced if action is RUN else None)
    assert decision.forced


def test_the_reasons_of_a_choice_are_sentences_with_figures() -> None:
    decision = choose(load_slice(12_000), headroom(DailyApiRequests=99_000))

    assert [(reason.code, reason.text) for reason in decision.because] == [
        ("cheapest", "Bulk moves 12,000 rows (1.2 MB) for 12 calls and 1 job in about 23 s."),
        ("fits_budget", "89,000 of 100,000 API calls may still be used."),
    ]
    assert decision.because[0].figures == {
        "rows": 12_000, "bytes_raw": 1_200_000, "api_calls": 12, "seconds": 23.2, "price": 51.498
    }  # fmt: skip
    assert decision.rejected[Rail.REST].text == (
        "REST would cost 12 calls in about 50 s, Bulk 12 calls and 1 job in about 23 s."
    )
    assert decision.rejected[Rail.CDC].code == "cdc_carries_changes_only"


def test_a_rail_that_would_be_late_lost_for_that() -> None:
    decision = choose(load_slice(200_000, latency_class=LatencyClass.NEAR_REAL_TIME), headroom())

    assert decision.rejected[Rail.REST].code == "misses_deadline"
    assert decision.rejected[Rail.REST].text == "REST would take 840 s, the deadline is 300 s."


def test_where_no_rail_is_in_time_the_fastest_runs_and_says_that_it_is_late() -> None:
    decision = choose(load_slice(200_000, latency_class=LatencyClass.INTERACTIVE), headroom())

    assert decision.rail is Rail.BULK
    assert [reason.code for reason in decision.because] == ["fastest", "misses_deadline", "fits_budget"]
    assert decision.because[1].text == "Bulk would take 211 s, the deadline is 30 s."
    assert decision.rejected[Rail.REST].code == "slower"


def test_where_no_rail_is_in_time_the_fastest_runs_even_if_it_is_dearer() -> None:
    slow = Performance(setup_seconds=10.0, call_seconds=0.2, rows_per_second=100.0)
    history = History(learned={(Rail.BULK, load_slice(1).direction): slow})
    free_time = Thresholds(calls_per_second=dict.fromkeys(LatencyClass, 0.0))
    work = load_slice(100_000, latency_class=LatencyClass.INTERACTIVE)

    decision = decide(work, headroom(), history, free_time, NOW)

    assert decision.rail is Rail.REST
    lost = decision.rejected[Rail.BULK]
    assert lost.code == "slower"
    assert lost.figures["price"] < lost.figures["winner_price"]


def test_a_deferral_says_what_is_missing_and_when_to_ask_again() -> None:
    decision = choose(load_slice(1_000), headroom(DailyApiRequests=9_000))

    assert decision.defer_until == NOW + timedelta(hours=1)
    assert [reason.text for reason in decision.because] == [
        "REST needs 1 of DailyApiRequests, and after the reserve 0 are left for normal work.",
        "Bulk needs 12 of DailyApiRequests, and after the reserve 0 are left for normal work.",
    ]


def test_a_run_and_a_refusal_have_no_time_to_ask_again() -> None:
    assert choose(load_slice(1), headroom()).defer_until is None
    assert choose(load_slice(1), headroom(), forced=Rail.CDC).defer_until is None


def test_a_refusal_says_why_the_forced_rail_cannot() -> None:
    decision = choose(extract_slice(10, refused=("Photo", "BillingAddress")), headroom(), forced=Rail.BULK)

    assert [reason.text for reason in decision.because] == [
        "A Bulk query cannot select Photo, BillingAddress."
    ]
    assert decision.rejected[Rail.REST].text == "Bulk was asked for."


def test_a_forced_rail_tells_that_it_was_asked_for_and_what_it_costs() -> None:
    decision = choose(load_slice(1), headroom(), forced=Rail.BULK)

    assert [(reason.code, reason.text) for reason in decision.because] == [
        ("forced", "Bulk was asked for."),
        ("forecast", "Bulk moves 1 row (0.0 MB) for 12 calls and 1 job in about 11 s."),
    ]


def test_thresholds_move_the_choice() -> None:
    patient = Thresholds(calls_per_second=dict.fromkeys(LatencyClass, 0.0))

    # at no price of time 5 calls beat 9; at a high one 16 seconds beat 21
    assert decide(load_slice(5_000), headroom(), History(), patient, NOW).rail is Rail.REST
    hasty = Thresholds(calls_per_second=dict.fromkeys(LatencyClass, 100.0))
    assert decide(load_slice(5_000), headroom(), History(), hasty, NOW).rail is Rail.BULK


def test_history_moves_the_choice() -> None:
    slow = Performance(setup_seconds=600.0, call_seconds=0.2, rows_per_second=1_000.0)
    history = History(learned={(Rail.BULK, load_slice(1).direction): slow})

    assert decide(load_slice(50_000), headroom(), history, DEFAULT_THRESHOLDS, NOW).rail is Rail.REST
