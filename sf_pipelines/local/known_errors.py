"""Errors whose message is already the sentence that a person needs; anything else is a defect of ours."""

from __future__ import annotations

from sf_pipelines.config.settings import SettingsError
from sf_pipelines.emulator.server import EmulatorError
from sf_pipelines.lake.errors import LakeError
from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.local.postgres import EmbeddedPostgresError
from sf_pipelines.local.sandbox import SandboxError
from sf_pipelines.rails.errors import SalesforceError
from sf_pipelines.workflows.errors import WorkflowError

KNOWN_ERRORS: tuple[type[Exception], ...] = (
    SettingsError,
    SandboxError,
    EmbeddedPostgresError,
    EmulatorError,
    LakeError,
    LedgerError,
    SalesforceError,
    WorkflowError,
)


def sentence(error: BaseException) -> str:
    """The message in one line."""
    return " ".join(str(error).split())
