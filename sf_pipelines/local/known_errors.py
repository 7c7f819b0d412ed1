"""Errors of the embedded parts and of the pipelines whose message is the sentence that a person needs."""

from __future__ import annotations

from sf_pipelines.emulator.server import EmulatorError
from sf_pipelines.local.change_demo import ChangeDemoError
from sf_pipelines.local.failures_command import FailuresError
from sf_pipelines.local.launcher import LauncherError
from sf_pipelines.local.postgres import EmbeddedPostgresError
from sf_pipelines.local.sandbox import SandboxError
from sf_pipelines.policy.knobs import ThresholdError
from sf_pipelines.resources import pipelines

KNOWN_ERRORS: tuple[type[Exception], ...] = (
    *pipelines.KNOWN_ERRORS,
    SandboxError,
    ChangeDemoError,
    LauncherError,
    EmbeddedPostgresError,
    EmulatorError,
    FailuresError,
    ThresholdError,
)


def sentence(error: BaseException) -> str:
    """The message in one line."""
    return " ".join(str(error).split())
