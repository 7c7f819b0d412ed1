"""Failures as notices: what went wrong, with figures, and the next step, in words that need no look-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import dagster as dg

from sf_pipelines.ledger.failure_queries import RedLoad
from sf_pipelines.ledger.partial_failures import PartlyFailedLoad
from sf_pipelines.model.notice import Notice
from sf_pipelines.present.failures import next_step_text
from sf_pipelines.workflows.open_failures import OpenFailures

PARTITION_TAG = "dagster/partition"


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedRun:
    """A Dagster run that failed.

    Attributes:
        sentences: what each failed step says; of an error that is not ours, its class only.
    """

    run_id: str
    job: str
    partition_key: str | None
    sentences: Sequence[str]


def failed_run(run: dg.DagsterRun, failures: Sequence[dg.DagsterEvent]) -> FailedRun:
    """A run and the events of its failed steps."""
    return FailedRun(
        run_id=run.run_id,
        job=_job_name(run),
        partition_key=run.tags.get(PARTITION_TAG),
        sentences=[_sentence(event) for event in failures],
    )


def run_failure_notice(
    run: FailedRun, red: RedLoad | None, failures: OpenFailures | None, *, ui_url: str | None
) -> Notice:
    """The notice about a run.

    Args:
        red: the load of that run which ended red, None for a run that failed otherwise.
        failures: what is open of the sync of that load.
    """
    name = _name(red.sync, red.partition_key) if red else _name(run.job, run.partition_key)
    told = list(run.sentences) or ["The run ended without a word: its process was lost."]
    if failures is not None:
        told.append(next_step_text(failures))
    else:
        told.append("Mend what the sentence names, and materialize the partition again.")
    return Notice(
        key=_key("run", name, *run.sentences),
        subject=f"{name} failed",
        text=" ".join(told),
        url=_run_url(ui_url, run.run_id),
    )


def partial_failure_notice(load: PartlyFailedLoad, failures: OpenFailures, *, ui_url: str | None) -> Notice:
    """The notice about a load that ended green with rejected rows."""
    rows = f"{load.rows_rejected:,} row" + ("" if load.rows_rejected == 1 else "s")
    return Notice(
        key=_key("partial", str(load.run_id)),
        subject=f"{load.name}: {rows} did not reach the org",
        text=f"{load.verdict_text} {next_step_text(failures)}",
        url=_run_url(ui_url, load.dagster_run_id),
    )


def _sentence(event: dg.DagsterEvent) -> str:
    """Ours are for people; the text of any other error could hold anything, so only its class is told."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error.cause if data.error and data.error.cause else data.error
    kind = error.cls_name if error and error.cls_name else "an error"
    return f"The step {event.step_key} ended by {kind}: its log has the whole story."


def _job_name(run: dg.DagsterRun) -> str:
    """The assets of a run without a job of ours: Dagster's name for those tells nothing."""
    if run.job_name.startswith("__ASSET_JOB") and run.asset_selection:
        return ", ".join(sorted(key.to_user_string() for key in run.asset_selection))
    return run.job_name


def _name(what: str, partition_key: str | None) -> str:
    return f"{what} of {partition_key}" if partition_key else what


def _key(kind: str, *parts: str) -> str:
    return f"{kind}:{sha256(repr(parts).encode()).hexdigest()[:32]}"


def _run_url(ui_url: str | None, run_id: str | None) -> str | None:
    return f"{ui_url}/runs/{run_id}" if ui_url and run_id else None
