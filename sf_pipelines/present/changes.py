"""What the pages of an object's changes show: figures of the stream, its open gaps, the proof of repairs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from sf_pipelines.ledger.change_queries import GapRow
from sf_pipelines.present.decision_card import decision_card
from sf_pipelines.workflows.change_health import FRESH_SECONDS, ChangeHealth
from sf_pipelines.workflows.merge_changes import ChangeMerge
from sf_pipelines.workflows.repair_gap import GapRepair

NO_OPEN_GAPS = "no_open_gaps"
POSITION_IS_FRESH = "replay_position_is_fresh"

GAPS_SHOWN = 20


def health_metadata(health: ChangeHealth, events_per_minute: float | None) -> dict[str, dg.MetadataValue]:
    """Figures that the UI plots over time, and the picture of the open gaps."""
    metadata: dict[str, dg.MetadataValue] = {
        "events_pending": dg.MetadataValue.int(health.pending),
        "lag_seconds": dg.MetadataValue.float(round(health.lag_seconds, 1)),
        "open_gaps": dg.MetadataValue.int(len(health.gaps)),
        "gaps": dg.MetadataValue.md(gap_table(health.gaps)),
    }
    if health.position_age_seconds is not None:
        metadata["position_age_seconds"] = dg.MetadataValue.float(round(health.position_age_seconds, 1))
    if events_per_minute is not None:
        metadata["events_per_minute"] = dg.MetadataValue.float(round(events_per_minute, 1))
    return metadata


def merge_metadata(merge: ChangeMerge, health: ChangeHealth) -> dict[str, dg.MetadataValue]:
    """What one merge did."""
    return {
        "dagster/table_name": dg.MetadataValue.text(f"raw.{health.sobject.lower()}"),
        "events_merged": dg.MetadataValue.int(merge.events),
        "rows_inserted": dg.MetadataValue.int(merge.rows_inserted),
        "rows_updated": dg.MetadataValue.int(merge.rows_updated),
        "rows_deleted": dg.MetadataValue.int(merge.rows_deleted),
        "records_in_doubt": dg.MetadataValue.int(merge.records_in_doubt),
        **health_metadata(health, None),
        **(
            {"columns_added": dg.MetadataValue.text(", ".join(added))}
            if (added := merge.columns_added)
            else {}
        ),
    }


def repair_metadata(repairs: Sequence[GapRepair]) -> dict[str, dg.MetadataValue]:
    """The proof of every gap that was closed, and how each was read."""
    if not repairs:
        return {
            "verdict": dg.MetadataValue.text("No gap was open."),
            "gaps_closed": dg.MetadataValue.int(0),
        }
    lines = [
        "| Gap | Read | Rail | Org's rows | Before | After | Repaired | Deleted | Calls |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
        *(_proof_row(repair) for repair in repairs),
    ]
    rows = sum(repair.proof.rows_repaired for repair in repairs)
    return {
        "verdict": dg.MetadataValue.text(f"{len(repairs)} gaps closed, {rows:,} rows read again."),
        "gaps_closed": dg.MetadataValue.int(len(repairs)),
        "rows_repaired": dg.MetadataValue.int(rows),
        "rows_deleted": dg.MetadataValue.int(sum(repair.proof.rows_deleted for repair in repairs)),
        "api_calls": dg.MetadataValue.int(sum(repair.api_calls for repair in repairs)),
        "proof": dg.MetadataValue.md("\n".join(lines)),
        "decision": dg.MetadataValue.md(decision_card(repairs[-1].decision)),
    }


def gap_table(gaps: Sequence[GapRow]) -> str:
    """Markdown: the open gaps, or one sentence where there is none."""
    if not gaps:
        return "No gap is open."
    more = len(gaps) - GAPS_SHOWN
    lines = [
        "| Since | Cause | What is missing | In doubt | Repair |",
        "|---|---|---|---|---|",
        *(_gap_row(gap) for gap in gaps[:GAPS_SHOWN]),
    ]
    return "\n".join(lines) + (f"\n\nand {more:,} more" if more > 0 else "")


def no_open_gaps(health: ChangeHealth) -> tuple[bool, str]:
    """Whether the check passes, and its sentence."""
    if not health.gaps:
        return True, f"Every change of {health.sobject} came by the stream, or was repaired."
    causes = ", ".join(sorted({gap.cause for gap in health.gaps}))
    return False, (
        f"{len(health.gaps):,} gaps of {health.sobject} are open ({causes}): cdc_gaps asks for their repair, "
        f"or materialize salesforce/{health.sobject.lower()}/gap_repair."
    )


def position_is_fresh(health: ChangeHealth) -> tuple[bool, str]:
    """Whether the check passes, and its sentence."""
    age = health.position_age_seconds
    if age is None:
        return False, f"{health.channel} was never read: start 'sf-pipelines subscribe {health.channel}'."
    told = f"{health.channel} told {age:,.0f} s ago where it stands"
    if health.is_fresh:
        return True, f"{told}."
    return False, (
        f"{told}, and should at least every {FRESH_SECONDS:,.0f} s: look if 'sf-pipelines subscribe' runs."
    )


def _gap_row(gap: GapRow) -> str:
    doubt = f"{len(gap.record_ids):,} records" if gap.record_ids is not None else _window(gap)
    trouble = f", failed: {gap.repair_error}" if gap.repair_error else ""
    repair = f"{gap.repair_state}, {gap.repair_attempts} begun{trouble}"
    detail, repair = gap.detail.replace("|", "/"), repair.replace("|", "/")
    return f"| {_stamp(gap.opened_at)} | {gap.cause} | {detail} | {doubt} | {repair} |"


def _proof_row(repair: GapRepair) -> str:
    proof, rail = repair.proof, repair.decision.rail.value if repair.decision.rail else ""
    counts = (proof.org_rows, proof.rows_before, proof.rows_after, proof.rows_repaired, proof.rows_deleted)
    figures = " | ".join(f"{count:,}" for count in counts)
    return f"| {repair.gap.cause} | {repair.way} | {rail} | {figures} | {repair.api_calls:,} |"


def _window(gap: GapRow) -> str:
    if gap.from_timestamp is None:
        return "the whole object"
    return f"changes since {_stamp(gap.from_timestamp)}"


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%SZ}"
