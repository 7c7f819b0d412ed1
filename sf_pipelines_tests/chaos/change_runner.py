"""The process that is struck: the command `sf-pipelines subscribe` itself, with its settings.

Started from a fork server that has imported this module before, so that a process costs milliseconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sf_pipelines.local.subscribe_command import run_subscribe


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriberSpec:
    """One subscriber: its settings, and a file for what it tells."""

    environment: Mapping[str, str]
    log: Path


def run_subscriber(spec: SubscriberSpec) -> None:
    """Subscribe until told to stop; the exit code says whether that was the end."""
    os.environ.update(spec.environment)
    with spec.log.open("a") as log:

        def tell(sentence: str) -> None:
            log.write(sentence + "\n")
            log.flush()

        try:
            run_subscribe((), tell=tell)
        except Exception as error:  # noqa: BLE001 - whatever it is, the harness tells it
            tell(f"{type(error).__name__}: {error}")
            sys.exit(1)
