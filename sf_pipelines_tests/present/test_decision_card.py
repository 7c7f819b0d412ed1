from __future__ import annotations

from dataclasses import replace

import pytest

from sf_pipelines.model.decision import Decision, Reason
from sf_pipelines.model.headroom import Headroom
from sf_pipelines.present.decision_card import decision_card, decision_figures
from sf_pipelines_tests.present.decisions import DEFERRED, NOW, REFUSED, RUN

TABLE = """
| Rail | API calls | Jobs | Batches | MB | Seconds |
|---|---:|---:|---:|---:|---:|
| REST | 1,200 | 0 | 0 | 20.0 | 840 |
| Bulk API 2.0 | 14 | 1 | 20 | 20.0 | 211 |"""

RUN_CARD = """\
### Bulk API 2.0

- Bulk is cheapest.
- It fits.
- Not Change Data Capture: CDC only tells of changes.
- Not REST: REST is dearer.
"""

DEFERRED_CARD = """\
### defer

- REST is too dear.
- Bulk is too dear.
- Not Change Data Capture: CDC only tells of changes.
- Ask again at 2026-01-05 02:00Z.
"""

REFUSED_CARD = """\
### refuse

- Bulk cannot select Photo.
- Not Change Data Capture: CDC only tells of changes.
- Not REST: Bulk was asked for.
"""


@pytest.mark.parametrize(
    ("decision", "card"),
    [
        pytest.param(RUN, RUN_CARD, id="a run: which rail, why, and why not each other"),
        pytest.param(DEFERRED, DEFERRED_CARD, id="a deferral: what is missing, and when to ask again"),
        pytest.param(REFUSED, REFUSED_CARD, id="a refusal: why the forced rail cannot"),
    ],
)
def test_the_decision_card_of(decision: Decision, card: str) -> None:
    assert decision_card(decision) == card + TABLE


def test_the_figures_of_a_run_are_plain_numbers_for_plots() -> None:
    assert decision_figures(RUN) == {
        "rows_to_move": 200_000,
        "bytes_to_move": 20_000_000,
        "api_calls_left": 99_000,
        "api_calls_reserved": 0,
        "calls_forecast": 14,
        "seconds_forecast": 211.2,
    }


def test_what_is_not_known_has_no_figure_rather_than_a_zero() -> None:
    unknown = replace(RUN, headroom=Headroom(taken_at=NOW, budgets={}))

    assert "api_calls_left" not in decision_figures(unknown)
    assert set(decision_figures(DEFERRED)) == {
        "rows_to_move", "bytes_to_move", "api_calls_left", "api_calls_reserved"
    }  # fmt: skip


def test_a_paced_run_shows_its_pace_and_what_was_wrong_with_its_inputs() -> None:
    skewed = Reason(code="clock_skew", text="The reading is ahead.", figures={})
    paced = replace(RUN, pace_calls_per_minute=12.345, remarks=(skewed,))

    assert decision_figures(paced)["pace_calls_per_minute"] == 12.35
    assert "- Note: The reading is ahead." in decision_card(paced)
