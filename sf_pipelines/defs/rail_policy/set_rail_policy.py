"""The job `set_rail_policy`: thresholds from the launchpad, with types, bounds and descriptions.

Annotations are evaluated here, not postponed: Dagster reads the config class of an op from them.
"""

from typing import Any

import dagster as dg
from pydantic import Field

from sf_pipelines.ledger.thresholds import set_thresholds
from sf_pipelines.policy.knobs import KNOBS, ThresholdError, values_of
from sf_pipelines.resources.pipelines import PipelinesResource


def _knob(name: str) -> Any:
    knob = KNOBS[name]
    description = f"{knob.meaning}; {knob.minimum:g} to {knob.maximum:g}, by default {knob.default:g}"
    return Field(default=None, ge=knob.minimum, le=knob.maximum, description=description)


class RailPolicyConfig(dg.Config):
    """What is left empty stays as it is."""

    reason: str = Field(min_length=3, max_length=500, description="why, for the history")
    set_by: str = Field(min_length=1, max_length=100, description="who sets it, for the history")
    reserve_share_critical: float | None = _knob("reserve_share.critical")
    reserve_share_normal: float | None = _knob("reserve_share.normal")
    reserve_share_deferrable: float | None = _knob("reserve_share.deferrable")
    throttle_below_share: float | None = _knob("throttle_below_share")
    deadline_seconds_interactive: float | None = _knob("deadline_seconds.interactive")
    deadline_seconds_near_real_time: float | None = _knob("deadline_seconds.near_real_time")
    deadline_seconds_batch: float | None = _knob("deadline_seconds.batch")
    calls_per_second_interactive: float | None = _knob("calls_per_second.interactive")
    calls_per_second_near_real_time: float | None = _knob("calls_per_second.near_real_time")
    calls_per_second_batch: float | None = _knob("calls_per_second.batch")
    defer_seconds: float | None = _knob("defer_seconds")
    longest_defer_seconds: float | None = _knob("longest_defer_seconds")
    stale_after_seconds: float | None = _knob("stale_after_seconds")
    clock_skew_seconds: float | None = _knob("clock_skew_seconds")
    lock_rate_limit: float | None = _knob("lock_rate_limit")
    circuit_failures: float | None = _knob("circuit_failures")
    circuit_cool_down_seconds: float | None = _knob("circuit_cool_down_seconds")

    def values(self) -> dict[str, float]:
        """The thresholds that are given, by name."""
        given = {name: getattr(self, name.replace(".", "_")) for name in KNOBS}
        return {name: value for name, value in given.items() if value is not None}


@dg.op(description="Sets thresholds of the rail policy; they hold from the next decision on.")
def set_thresholds_of_the_rail_policy(
    context: dg.OpExecutionContext, config: RailPolicyConfig, pipelines: PipelinesResource
) -> None:
    """All of the given thresholds, or none."""
    with pipelines.open(tell=context.log.info) as tools:
        try:
            now = set_thresholds(
                tools.engine, config.values(), set_by=config.set_by, reason=config.reason, clock=tools.clock
            )
        except ThresholdError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
    context.add_output_metadata({name: value for name, value in values_of(now).items()})


@dg.job(
    name="set_rail_policy", description="Change thresholds of the rail policy; the next decision obeys them."
)
def set_rail_policy() -> None:
    """One op, so that the launchpad shows one form."""
    set_thresholds_of_the_rail_policy()


@dg.definitions
def definitions() -> dg.Definitions:
    """The job."""
    return dg.Definitions(jobs=[set_rail_policy])
