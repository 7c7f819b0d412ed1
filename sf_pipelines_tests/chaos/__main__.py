"""`make chaos`: every point of the crash matrix, with progress; exit 1 where anything is lost or doubled."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from sf_pipelines.local.postgres import EmbeddedPostgres
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines_tests.chaos.matrix import OPERATIONS, RAILS, Finding, Matrix, What


def main() -> None:
    """Arguments narrow the matrix: names of operations, rails, or the first word of what happens."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as postgres:
        matrix = Matrix(postgres.url)
        findings = [
            finding
            for operation in OPERATIONS
            for rail in RAILS
            for what in What
            if _is_wanted(operation.value, rail.value, what.value.split()[0])
            for finding in _strike_all(matrix, console, operation, rail, what)
        ]
    _print(console, findings)
    sys.exit(1 if not findings or any(finding.is_bad for finding in findings) else 0)


def _strike_all(
    matrix: Matrix, console: Console, operation: Operation, rail: Rail, what: What
) -> list[Finding]:
    points = matrix.points(operation, rail, what)
    label = f"{operation.value} by {rail.value}, {what.value}"
    findings = [matrix.strike(point) for point in track(points, description=label, console=console)]
    for finding in findings:
        if finding.is_bad:
            console.print(str(finding), markup=False)
    return findings


def _print(console: Console, findings: Sequence[Finding]) -> None:
    lost, doubled = sum(item.lost for item in findings), sum(item.doubled for item in findings)
    console.print(f"points {len(findings)}, lost {lost}, doubled {doubled}", highlight=False)


def _is_wanted(operation: str, rail: str, what: str) -> bool:
    wanted = set(sys.argv[1:])
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
