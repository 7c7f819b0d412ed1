"""One month under one rule: work falls due, waits, runs, and is refused, minute by minute.

Our jobs take what the policy's own cost model says, times a slowness of the org that no rule knows. A call
that the org refuses is tried again a quarter of an hour later, under every rule.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil

from sf_pipelines.model.headroom import DAILY_API_REQUESTS
from sf_pipelines.model.rail import Rail
from sf_pipelines.policy.budgets import needs
from sf_pipelines.policy.costs import cost
from sf_pipelines.policy.performance import PRIORS
from sf_pipelines.workflows.simulation.org import ModelOrg
from sf_pipelines.workflows.simulation.rules import Rule, Verdict
from sf_pipelines.workflows.simulation.workload import DAY_MINUTES, Job, jobs, other_use

RETRY_MINUTES = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class Month:
    """How a month ended.

    Attributes:
        calls_left: API calls left at the end of each minute.
        refusals: calls that the org refused for want of quota, our overruns.
    """

    rule: str
    jobs: list[Job]
    calls_used: int
    refusals: int
    calls_left: list[int]


@dataclass(slots=True)
class _Running:
    """A job under way: the units of each minute still to come, and the time it takes."""

    job: Job
    started_second: float
    seconds: float
    calls: deque[int]
    first: dict[str, int]
    resume_minute: int
    delay_minutes: int = 0

    def units(self) -> dict[str, int]:
        return self.first | {DAILY_API_REQUESTS: self.calls[0]}


@dataclass(slots=True)
class _Queue:
    """Work of one sync: one piece at a time."""

    waiting: deque[Job] = field(default_factory=deque[Job])
    ask_minute: int = 0
    running: _Running | None = None


def simulate(rule: Rule, *, days: int, seed: int) -> Month:
    """Run a month of `days` days."""
    org = ModelOrg(other_use(days, seed))
    everything = list(jobs(days, seed))
    due = deque(everything)
    queues: dict[str, _Queue] = {}
    calls_left: list[int] = []
    for minute in range(days * DAY_MINUTES):
        org.advance()
        rule.tick(org)
        while due and due[0].due_minute <= minute:
            job = due.popleft()
            queues.setdefault(job.sync.name, _Queue()).waiting.append(job)
        for queue in queues.values():
            _go_on(queue, rule, org)
        calls_left.append(org.remaining(DAILY_API_REQUESTS))
    return Month(
        rule=rule.name,
        jobs=everything,
        calls_used=org.calls_used,
        refusals=org.refusals,
        calls_left=calls_left,
    )


def _go_on(queue: _Queue, rule: Rule, org: ModelOrg) -> None:
    if queue.running is not None and queue.running.resume_minute <= org.minute:
        _spend(queue, queue.running, rule, org)
    if queue.running is None and queue.waiting and queue.ask_minute <= org.minute:
        verdict = rule.choose(queue.waiting[0], org)
        if verdict.rail is None:
            queue.ask_minute = verdict.wait_until_minute
            return
        queue.running = _start(queue.waiting.popleft(), verdict, verdict.rail, rule, org)
        _spend(queue, queue.running, rule, org)


def _start(job: Job, verdict: Verdict, rail: Rail, rule: Rule, org: ModelOrg) -> _Running:
    work = job.slice
    price = cost(work, rail, PRIORS[rail, work.direction])
    units = needs(price, work.direction)
    rule.started(job, units)
    calls = units.pop(DAILY_API_REQUESTS)
    seconds = price.seconds * job.slowness
    if verdict.calls_per_minute is not None:
        seconds = max(seconds, calls / verdict.calls_per_minute * 60)
    return _Running(
        job=job,
        started_second=max(org.minute * 60.0, job.due_second),
        seconds=seconds,
        calls=deque(_spread(calls, ceil(seconds / 60) or 1)),
        first=units,
        resume_minute=org.minute,
    )


def _spread(calls: int, minutes: int) -> Iterator[int]:
    for minute in range(minutes):
        yield calls * (minute + 1) // minutes - calls * minute // minutes


def _spend(queue: _Queue, running: _Running, rule: Rule, org: ModelOrg) -> None:
    units = running.units()
    if not org.spend(units):
        running.resume_minute = org.minute + RETRY_MINUTES
        running.delay_minutes += RETRY_MINUTES
        return
    rule.used(running.job, units)
    running.first = {}
    running.calls.popleft()
    if not running.calls:
        rule.ended(running.job)
        running.job.finished_second = running.started_second + running.seconds + running.delay_minutes * 60
        queue.running = None
