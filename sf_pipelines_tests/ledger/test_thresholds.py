from __future__ import annotations

import pytest
from sqlalchemy import Engine

from sf_pipelines.ledger.thresholds import current_thresholds, set_thresholds, threshold_history
from sf_pipelines.model.rail import Criticality
from sf_pipelines.policy.knobs import ThresholdError
from sf_pipelines.policy.thresholds import DEFAULT_THRESHOLDS
from sf_pipelines_tests.ledger.samples import Clock

WHO = {"set_by": "ada", "reason": "the quarter ends"}


def test_without_any_setting_the_defaults_hold(engine: Engine) -> None:
    assert current_thresholds(engine) == DEFAULT_THRESHOLDS


def test_a_threshold_holds_from_the_next_look_on_and_its_history_stays(engine: Engine) -> None:
    clock = Clock()
    set_thresholds(engine, {"reserve_share.normal": 0.2}, **WHO, clock=clock)
    set_thresholds(engine, {"reserve_share.normal": 0.15, "defer_seconds": 600}, **WHO, clock=clock)

    now = current_thresholds(engine)

    assert (now.reserve_share[Criticality.NORMAL], now.defer_seconds) == (0.15, 600.0)
    history = threshold_history(engine, name="reserve_share.normal")
    assert [(item.value, item.set_by, item.reason) for item in history] == [
        (0.15, "ada", "the quarter ends"), (0.2, "ada", "the quarter ends")
    ]  # fmt: skip
    assert history[0].set_at > history[1].set_at


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"reserve_share.normal": 0.5}, r"reserve_share\.normal \(0\.5\) may not be above throttle_below"),
        ({"reserve_share.normal": 1.5}, r"is 1\.5: give a number from 0 to 0\.95"),
        ({"defer_seconds": float("nan")}, "is nan: give a number"),
        ({"reserve_share.urgent": 0.1}, r"no threshold 'reserve_share\.urgent'"),
        ({}, "No threshold is named"),
    ],
)
def test_what_is_out_of_bounds_or_contradicts_is_refused_whole(
    engine: Engine, values: dict[str, float], sentence: str
) -> None:
    with pytest.raises(ThresholdError, match=sentence):
        set_thresholds(engine, {"defer_seconds": 90.0} | values if values else {}, **WHO)

    assert threshold_history(engine) == []


def test_a_contradiction_with_what_was_set_before_is_refused(engine: Engine) -> None:
    set_thresholds(engine, {"reserve_share.deferrable": 0.5, "throttle_below_share": 0.4}, **WHO)

    with pytest.raises(ThresholdError, match="throttle_below_share"):
        set_thresholds(engine, {"reserve_share.deferrable": 0.3}, **WHO)


def test_who_and_why_are_asked_for(engine: Engine) -> None:
    with pytest.raises(ThresholdError, match="with a reason and by somebody"):
        set_thresholds(engine, {"defer_seconds": 90.0}, set_by="ada", reason="  ")
