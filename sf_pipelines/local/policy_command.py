"""`sf-pipelines policy`: the thresholds of the rail policy, shown, set and told, as tables or JSON."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from sf_pipelines.ledger.thresholds import (
    ThresholdChange,
    changes_in_force,
    current_thresholds,
    set_thresholds,
    threshold_history,
)
from sf_pipelines.local.ledger_database import open_ledger_database
from sf_pipelines.policy.knobs import KNOBS, ThresholdError, values_of

Answer = tuple[dict[str, Any], Table]


def show_policy() -> Answer:
    """Every threshold with its value, bounds and meaning, and who set it."""
    with open_ledger_database() as engine:
        values, changes = values_of(current_thresholds(engine)), changes_in_force(engine)
    table = Table(title="Thresholds of the rail policy")
    table.add_column("Threshold", no_wrap=True)
    for column in ("Value", "Least", "Most"):
        table.add_column(column, justify="right")
    table.add_column("Meaning")
    table.add_column("Set by")
    for name, knob in KNOBS.items():
        change = changes.get(name)
        who = f"{change.set_by}: {change.reason}" if change else "default"
        bounds = (f"{knob.minimum:g}", f"{knob.maximum:g}")
        table.add_row(name, f"{values[name]:g}", *bounds, knob.meaning, who)
    return {"thresholds": values}, table


def set_policy(assignments: Sequence[str], *, reason: str, set_by: str | None) -> Answer:
    """Set thresholds given as name=value, all or none.

    Raises:
        ThresholdError: an assignment, a name, a bound, or a contradiction.
    """
    values = dict(map(_assignment, assignments))
    with open_ledger_database() as engine:
        set_thresholds(engine, values, set_by=set_by or getpass.getuser(), reason=reason)
    return show_policy()


def policy_history(name: str | None, *, limit: int) -> Answer:
    """Who set what, when and why, the newest first.

    Raises:
        ThresholdError: there is no threshold of that name.
    """
    if name is not None and name not in KNOBS:
        raise ThresholdError(f"There is no threshold '{name}': it is one of {', '.join(KNOBS)}.")
    with open_ledger_database() as engine:
        changes = threshold_history(engine, name=name, limit=limit)
    table = Table("When", "Threshold", "Value", "Who", "Why", title="Changes of the rail policy")
    for change in changes:
        when = f"{change.set_at:%Y-%m-%d %H:%M:%S}Z"
        table.add_row(when, change.name, f"{change.value:g}", change.set_by, change.reason)
    return {"changes": [_to_json(change) for change in changes]}, table


def _to_json(change: ThresholdChange) -> dict[str, Any]:
    names = ThresholdChange.__dataclass_fields__
    return {name: getattr(change, name) for name in names} | {"set_at": change.set_at.isoformat()}


def _assignment(text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = None
    if not equals or number is None:
        raise ThresholdError(f"'{text}' sets nothing: write name=number, e.g. reserve_share.normal=0.15.")
    return name.strip(), number
