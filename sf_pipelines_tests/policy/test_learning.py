from __future__ import annotations

import pytest

from sf_pipelines.model.rail import Direction, Rail
from sf_pipelines.policy.knobs import KNOBS, ThresholdError, thresholds_of, values_of
from sf_pipelines.policy.learning import PastRun, learn
from sf_pipelines.policy.performance import PRIORS
from sf_pipelines.policy.thresholds import DEFAULT_THRESHOLDS

PAIR = (Rail.BULK, Direction.LOAD)


def runs(count: int, setup_seconds: float, rows_per_second: float) -> list[PastRun]:
    return [
        PastRun(
            rail=Rail.BULK,
            direction=Direction.LOAD,
            rows=rows,
            seconds=setup_seconds + rows / rows_per_second,
        )
        for rows in (1_000 * (1 + number % 7) ** 2 for number in range(count))
    ]


def test_without_a_run_nothing_is_learned_and_a_load_by_change_data_capture_has_no_speed() -> None:
    change = PastRun(rail=Rail.CDC, direction=Direction.LOAD, rows=5, seconds=1.0)
    assert learn([]) == {}
    assert learn([change]) == {}


def test_many_runs_outweigh_the_prior() -> None:
    learned = learn(runs(40, setup_seconds=60.0, rows_per_second=200.0))[PAIR]

    assert learned.rows_per_second == pytest.approx(200.0, rel=0.15)
    assert learned.setup_seconds == pytest.approx(60.0, rel=0.35)


def test_one_odd_run_moves_little() -> None:
    prior = PRIORS[PAIR]
    (odd,) = runs(1, setup_seconds=10.0, rows_per_second=100.0)
    learned = learn([odd])[PAIR]

    assert prior.rows_per_second / 2 < learned.rows_per_second <= prior.rows_per_second * 1.5
    assert learned.setup_seconds >= 0


def test_larger_work_that_took_less_time_makes_no_negative_speed() -> None:
    strange = [
        PastRun(rail=Rail.BULK, direction=Direction.LOAD, rows=rows, seconds=seconds)
        for rows, seconds in ((100, 900.0), (1_000_000, 1.0)) * 10
    ]
    learned = learn(strange)[PAIR]
    assert learned.rows_per_second > 0
    assert learned.setup_seconds >= 0


def test_thresholds_go_through_their_values_and_back() -> None:
    assert thresholds_of(values_of(DEFAULT_THRESHOLDS)) == DEFAULT_THRESHOLDS
    assert thresholds_of({}) == DEFAULT_THRESHOLDS


@pytest.mark.parametrize("name", KNOBS)
def test_every_threshold_has_a_default_within_its_bounds_and_none_beyond(name: str) -> None:
    knob = KNOBS[name]
    assert knob.minimum <= knob.default <= knob.maximum
    with pytest.raises(ThresholdError, match=r"give a number from"):
        thresholds_of({name: knob.maximum + 1})
