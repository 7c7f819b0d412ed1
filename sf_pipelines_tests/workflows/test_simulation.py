"""Some days of the simulated month, ten of which hold a day with a runaway neighbour."""

from __future__ import annotations

import pytest

from sf_pipelines.workflows.simulation.month import simulate
from sf_pipelines.workflows.simulation.report import figures
from sf_pipelines.workflows.simulation.rules import FixedRule, RailPolicy

DAYS = 11


@pytest.mark.parametrize(
    "rival",
    [
        FixedRule("always Bulk", rest_up_to_rows=-1, pauses=False),
        FixedRule("Bulk above 10,000 rows, pause at 80 %", rest_up_to_rows=10_000, pauses=True),
    ],
    ids=lambda rule: rule.name,
)
def test_a_fixed_rule_misses_deadlines_of_critical_work_on_a_day_with_a_runaway_neighbour(
    rival: FixedRule,
) -> None:
    assert figures(simulate(rival, days=DAYS, seed=1)).critical_misses > 50


def test_the_rail_policy_misses_none_and_overruns_nothing() -> None:
    found = figures(simulate(RailPolicy(), days=DAYS, seed=1))

    assert (found.critical_misses, found.overruns) == (0, 0)
    assert found.critical_jobs > 2_500


def test_the_same_seed_gives_the_same_month() -> None:
    rule = FixedRule("always REST", rest_up_to_rows=float("inf"), pauses=False)
    assert figures(simulate(rule, days=2, seed=3)) == figures(simulate(rule, days=2, seed=3))
