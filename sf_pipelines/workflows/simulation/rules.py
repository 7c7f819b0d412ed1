"""The rules that are compared: the rail policy itself, and the fixed rules that are in use elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sf_pipelines.model.decision import Action
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, Budget, Headroom
from sf_pipelines.model.outlook import Outlook, Reading
from sf_pipelines.model.rail import Rail
from sf_pipelines.policy.forecast import forecast
from sf_pipelines.policy.performance import History
from sf_pipelines.policy.rail_choice import decide
from sf_pipelines.policy.thresholds import DEFAULT_THRESHOLDS, Thresholds
from sf_pipelines.workflows.simulation.org import MAXIMA, ModelOrg
from sf_pipelines.workflows.simulation.workload import START, Job

PAUSE_SHARE = 0.8
READING_MINUTES = 5
FORECAST_MINUTES = 60
ASK_AGAIN_MINUTES = 5
"""How often waiting work is looked at again, as the sensors do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Run on a rail, with a pace or without; or wait until a minute."""

    rail: Rail | None = None
    calls_per_minute: float | None = None
    wait_until_minute: int = 0


class Rule(ABC):
    """One way of choosing."""

    name: str

    @abstractmethod
    def choose(self, job: Job, org: ModelOrg) -> Verdict:
        """What to do with a piece of work now."""

    def tick(self, org: ModelOrg) -> None:
        """Called once a minute, before anything is chosen."""
        del org

    def started(self, job: Job, units: Mapping[str, int]) -> None:
        """A job was started that will take these units."""
        del job, units

    def used(self, job: Job, units: Mapping[str, int]) -> None:
        """A job has used units."""
        del job, units

    def ended(self, job: Job) -> None:
        """A job is done."""
        del job


class FixedRule(Rule):
    """REST up to a number of rows, Bulk above; all work pauses above a share of the API calls.

    It is given more than such rules have: the exact use of this very minute, and REST where Bulk cannot
    carry the fields.
    """

    def __init__(self, name: str, *, rest_up_to_rows: float, pauses: bool) -> None:
        self.name = name
        self._rest_up_to_rows = rest_up_to_rows
        self._pauses = pauses

    def choose(self, job: Job, org: ModelOrg) -> Verdict:
        """By rows alone."""
        left = org.remaining(DAILY_API_REQUESTS)
        if self._pauses and left < (1 - PAUSE_SHARE) * MAXIMA[DAILY_API_REQUESTS]:
            return Verdict(wait_until_minute=org.minute + ASK_AGAIN_MINUTES)
        by_rest = job.sync.is_refused_by_bulk or job.rows <= self._rest_up_to_rows
        return Verdict(rail=Rail.REST if by_rest else Rail.BULK)


class RailPolicy(Rule):
    """The real `decide` and `forecast`, on readings every five minutes that are paid for."""

    name = "rail policy"

    def __init__(self, thresholds: Thresholds = DEFAULT_THRESHOLDS) -> None:
        self._thresholds = thresholds
        self._readings: list[Reading] = []
        self._remaining: dict[str, int] = {}
        self._taken_at = START
        self._outlook: Outlook | None = None
        self._promised: dict[int, dict[str, int]] = {}
        self._since_reading: dict[str, int] = {}

    def tick(self, org: ModelOrg) -> None:
        """Read the quotas and renew the forecast when it is time."""
        if org.minute % READING_MINUTES == 0 and org.spend({DAILY_API_REQUESTS: 1}):
            self._read(org)
        if org.minute % FORECAST_MINUTES == 0:
            self._outlook = forecast(self._readings, _moment(org.minute))

    def choose(self, job: Job, org: ModelOrg) -> Verdict:
        """As the product does."""
        now = _moment(org.minute)
        decision = decide(job.slice, self._headroom(), History(), self._thresholds, now)
        if decision.action.sends:
            return Verdict(rail=decision.rail, calls_per_minute=decision.pace_calls_per_minute)
        if decision.action is Action.REFUSE or decision.defer_until is None:
            raise AssertionError(f"{job.sync.name} was refused: {decision.because}")
        wait_minutes = ceil((decision.defer_until - now).total_seconds() / 60)
        return Verdict(wait_until_minute=org.minute + min(wait_minutes, ASK_AGAIN_MINUTES))

    def started(self, job: Job, units: Mapping[str, int]) -> None:
        """Reserve."""
        self._promised[id(job)] = dict(units)

    def used(self, job: Job, units: Mapping[str, int]) -> None:
        """True up: what was used is no longer promised, but no reading knows of it yet."""
        promised = self._promised[id(job)]
        for name, used in units.items():
            promised[name] = max(0, promised.get(name, 0) - used)
            self._since_reading[name] = self._since_reading.get(name, 0) + used

    def ended(self, job: Job) -> None:
        """Give back the rest."""
        del self._promised[id(job)]

    def _read(self, org: ModelOrg) -> None:
        self._remaining = {name: org.remaining(name) for name in MAXIMA}
        self._taken_at = _moment(org.minute)
        self._since_reading = {}
        if org.minute % (2 * READING_MINUTES) == 0:
            used = MAXIMA[DAILY_API_REQUESTS] - self._remaining[DAILY_API_REQUESTS]
            self._readings.append(Reading(taken_at=self._taken_at, used=used))

    def _headroom(self) -> Headroom:
        budgets = {
            name: Budget(
                maximum=maximum,
                remaining=self._remaining.get(name, maximum),
                reserved=self._since_reading.get(name, 0)
                + sum(units.get(name, 0) for units in self._promised.values()),
                outlook=self._outlook if name == DAILY_API_REQUESTS else None,
            )
            for name, maximum in MAXIMA.items()
        }
        return Headroom(taken_at=self._taken_at, budgets=budgets)


def all_rules() -> list[Rule]:
    """Ours first, then the fixed ones."""
    thresholds = (2_000, 10_000, 1_000_000)
    return [
        RailPolicy(),
        FixedRule("always REST", rest_up_to_rows=float("inf"), pauses=False),
        FixedRule("always Bulk", rest_up_to_rows=-1, pauses=False),
        *(
            FixedRule(f"Bulk above {rows:,} rows, pause at 80 %", rest_up_to_rows=rows, pauses=True)
            for rows in thresholds
        ),
    ]


def _moment(minute: int) -> datetime:
    return START + timedelta(minutes=minute)
