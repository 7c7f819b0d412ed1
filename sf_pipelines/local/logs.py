"""Logs of the command line and of the services: text for people or one JSON object a line, never a secret.

Runs of Dagster log through Dagster; see `python_logs` in deploy/dagster.yaml.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any, TextIO

import structlog

from sf_pipelines.config.environment import word
from sf_pipelines.config.settings import Secret, SettingsError, load_settings

STARS = "***"
SHORTEST_MASKED = 4
"""Characters of a secret that is looked for in a text; a shorter one would tear up words."""


class LogFormat(StrEnum):
    """How a log line looks."""

    TEXT = "text"
    JSON = "json"


def configure_logs(environment: Mapping[str, str] | None = None, *, stream: TextIO | None = None) -> None:
    """Send every log of this process to `stream`, standard error by default, with secrets masked.

    Raises:
        SettingsError: SF_PIPELINES_LOG_FORMAT is none of the known words.
    """
    values = os.environ if environment is None else environment
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if word(values, "LOG_FORMAT", LogFormat.TEXT) is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    mask = MaskSecrets(secrets_of(values))
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                mask,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("sf_pipelines").setLevel(logging.INFO)


class MaskSecrets:
    """A processor that puts stars for every secret of the settings, wherever a line has it."""

    def __init__(self, secrets: frozenset[str]) -> None:
        self._secrets = sorted(secrets, key=len, reverse=True)

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """The line without them."""
        del logger, method
        return {key: self._masked(value) if isinstance(value, str) else value for key, value in event.items()}

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, STARS)
        return text


def secrets_of(environment: Mapping[str, str]) -> frozenset[str]:
    """The texts of all secrets that these settings hold; none where the settings cannot be read."""
    try:
        settings = load_settings(environment)
    except SettingsError:
        return frozenset()
    return frozenset(text for text in _texts(settings) if len(text) >= SHORTEST_MASKED)


def _texts(value: Any) -> list[str]:
    if isinstance(value, Secret):
        return [value.reveal()]
    if is_dataclass(value):
        return [text for item in fields(value) for text in _texts(getattr(value, item.name))]
    return []
