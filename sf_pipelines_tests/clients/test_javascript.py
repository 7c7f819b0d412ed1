"""jsforce, as npm installs it, against the emulator: the scenarios are in javascript/*.test.mjs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.clients import node
from sf_pipelines_tests.clients.conftest import Signer

SCENARIOS = sorted(path.name for path in node.FOLDER.glob("*.test.mjs"))


@pytest.fixture(scope="session")
def clients() -> None:
    node.install_clients()


@pytest.mark.timeout(420)  # the first run installs
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("script", SCENARIOS)
def test_an_unmodified_jsforce_plays_the_scenario(
    org: EmulatorServer, signer: Signer, clients: None, script: str, scheme: str
) -> None:
    given = org.credentials
    url = given.url if scheme == "http" else str(given.tls_url).replace("127.0.0.1", "localhost")
    environment = {
        "EMULATOR_ORG": json.dumps({**given.as_dict(), "url": url}),
        "JWT_PRIVATE_KEY": signer.private_key_pem,
        "NODE_EXTRA_CA_CERTS": str(given.ca_file),
    }

    done = node.run_tests(script, environment)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_lock_file_names_no_registry() -> None:
    locked = json.loads((node.FOLDER / "package-lock.json").read_text())["packages"]

    assert len(locked) > 50
    assert not [name for name, package in locked.items() if "resolved" in package]


def test_a_registry_out_of_reach_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("package.json", "package-lock.json", ".npmrc"):
        (tmp_path / name).write_bytes((node.FOLDER / name).read_bytes())
    monkeypatch.setattr(node, "FOLDER", tmp_path)
    monkeypatch.setattr(node, "NODE_MODULES", tmp_path / "node_modules")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")

    with pytest.raises(node.ClientsMissingError, match="needs to reach an npm registry"):
        node.install_clients()
