"""`sf-pipelines emulator`: the emulated org by itself, for any client that speaks to Salesforce."""

from __future__ import annotations

from pathlib import Path

from sf_pipelines.emulator.latency.profile import INSTANT, PROFILES
from sf_pipelines.emulator.server import run_foreground


def run_emulator(
    *, port: int, as_json: bool, schema: Path | None, org: Path | None, profile: str = INSTANT.name
) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        EmulatorError: the port is taken, or a file cannot be used.
    """
    run_foreground(port, as_json=as_json, schema_path=schema, org_path=org, profile=PROFILES[profile])
