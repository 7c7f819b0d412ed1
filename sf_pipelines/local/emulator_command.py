"""`sf-pipelines emulator`: the emulated org by itself, for any client that speaks to Salesforce."""

from __future__ import annotations

from pathlib import Path

from sf_pipelines.emulator.server import run_foreground


def run_emulator(
    *, port: int, as_json: bool, schema: Path | None, org: Path | None, seed: str | None
) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        EmulatorError: the port is taken, a file cannot be used, or the records to seed are refused.
    """
    run_foreground(port, as_json=as_json, schema_path=schema, org_path=org, seed=seed)
