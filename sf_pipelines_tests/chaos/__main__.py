"""`make chaos`: every point of both matrices, with progress; exit 1 where anything is lost or doubled."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from sf_pipelines.local.postgres import EmbeddedPostgres
from sf_pipelines_tests.chaos.change_matrix import ChangeFinding, ChangeMatrix
from sf_pipelines_tests.chaos.matrix import OPERATIONS, RAILS, Finding, Matrix, What

CHANGES, LOADS = "changes", "loads"

AnyFinding = Finding | ChangeFinding
AnyPoint = TypeVar("AnyPoint")


def main() -> None:
    """Arguments narrow the matrix of loads: names of operations, rails, or the first word of what happens.

    `changes` as an argument takes the matrix of change events alone, `loads` the other.
    """
    console = Console()
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as postgres:
        findings = _changes(postgres.url, console) if sys.argv[1:] in ([], [CHANGES]) else []
        findings += _loads(postgres.url, console) if sys.argv[1:] != [CHANGES] else []
    _print(console, findings)
    sys.exit(1 if not findings or any(finding.is_bad for finding in findings) else 0)


def _changes(postgres_url: str, console: Console) -> list[AnyFinding]:
    matrix = ChangeMatrix(postgres_url)
    return _strike_all(matrix.strike, matrix.points(), "change events", console)


def _loads(postgres_url: str, console: Console) -> list[AnyFinding]:
    matrix = Matrix(postgres_url)
    return [
        finding
        for operation in OPERATIONS
        for rail in RAILS
        for what in What
        if _is_wanted(operation.value, rail.value, what.value.split()[0])
        for finding in _strike_all(
            matrix.strike,
            matrix.points(operation, rail, what),
            f"{operation.value} by {rail.value}, {what.value}",
            console,
        )
    ]


def _strike_all(
    strike: Callable[[AnyPoint], AnyFinding], points: Sequence[AnyPoint], label: str, console: Console
) -> list[AnyFinding]:
    findings = [strike(point) for point in track(points, description=label, console=console)]
    for finding in findings:
        if finding.is_bad:
            console.print(str(finding), markup=False)
    return findings


def _print(console: Console, findings: Sequence[AnyFinding]) -> None:
    lost, doubled = sum(item.lost for item in findings), sum(item.doubled for item in findings)
    console.print(f"points {len(findings)}, lost {lost}, doubled {doubled}", highlight=False)


def _is_wanted(operation: str, rail: str, what: str) -> bool:
    wanted = set(sys.argv[1:]) - {LOADS}
    narrowed = [
        names & wanted
        for names in (
            {item.value for item in OPERATIONS},
            {item.value for item in RAILS},
            {item.value.split()[0] for item in What},
        )
    ]
    return all(not names or {operation, rail, what} & names for names in narrowed)


if __name__ == "__main__":
    main()
