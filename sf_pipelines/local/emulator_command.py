"""`sf-pipelines emulator`: the emulated org by itself, for any client that speaks to Salesforce."""

from __future__ import annotations

from pathlib import Path

from sf_pipelines.emulator.latency.profile import INSTANT, PROFILES
from sf_pipelines.emulator.server import EmulatorServer, run_foreground


def run_emulator(
    *,
    port: int,
    tls_port: int | None,
    as_json: bool,
    schema: Path | None,
    org: Path | None,
    jwt_certificate: Path | None,
    rotates_refresh_tokens: bool,
    seed: str | None,
    pubsub_port: int | None = None,
    change_events: str | None = None,
    profile: str = INSTANT.name,
) -> None:
    """Serve until SIGINT or SIGTERM; the arguments are those of EmulatorServer and `run_foreground`.

    Raises:
        EmulatorError: a port is taken, a file cannot be used, or the records to seed are refused.
    """
    server = EmulatorServer(
        port,
        tls_port=tls_port,
        schema_path=schema,
        org_path=org,
        jwt_public_key_path=jwt_certificate,
        rotates_refresh_tokens=rotates_refresh_tokens,
        profile=PROFILES[profile],
        pubsub_port=pubsub_port,
        change_entities=None if change_events is None else _names(change_events),
    )
    run_foreground(server, as_json=as_json, seed=seed)


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",") if name.strip()]
