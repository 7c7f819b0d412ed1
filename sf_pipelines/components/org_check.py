"""Declared loads held against the org while the code location loads, told with file and line.

Only where an org is configured and answers at once; what it describes is kept on disk, so that a code
location loads without a call. How a mistake is told, the setting SF_PIPELINES_CHECK_SYNCS says.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_shared.yaml_utils import parse_yamls_with_source_position
from dagster_shared.yaml_utils.source_position import ValueAndSourcePositionTree

from sf_pipelines.config.settings import CheckSyncs, SettingsError, load_settings
from sf_pipelines.model.sync import LoadSync
from sf_pipelines.resources.pipelines import known_objects
from sf_pipelines.workflows.checks import declared_mistakes
from sf_pipelines.workflows.errors import SyncError

_log = logging.getLogger(__name__)


def check_against_org(sync: LoadSync, context: dg.ComponentLoadContext) -> None:
    """Hold a load against what the org describes; nothing happens where no org can be asked.

    Raises:
        SyncError: all mistakes, each with file and line, unless the settings say to warn only.
    """
    try:
        settings = load_settings()
        if settings.salesforce is None or settings.check_syncs is CheckSyncs.OFF:
            return
        mistakes = declared_mistakes(sync, known_objects(settings))
    except SettingsError as error:
        _log.warning("%s is not checked against the org: %s", sync.name, error)
        return
    if not mistakes:
        return
    text = "\n".join(_told(sync, mistakes, context.path))
    if settings.check_syncs is CheckSyncs.WARN:
        _log.warning(text)
    else:
        raise SyncError(text)


def _told(sync: LoadSync, mistakes: Iterable[SyncError], path: Path) -> Iterator[str]:
    block = _block_of(sync, path)
    for mistake in mistakes:
        yield f"{_place(block, mistake.field, path)}: {mistake}"


def _block_of(sync: LoadSync, path: Path) -> ValueAndSourcePositionTree | None:
    """The YAML document of a load, None for one that is made in Python."""
    file = path if path.is_file() else path / "defs.yaml"
    if file.suffix != ".yaml" or not file.exists():
        return None
    documents = parse_yamls_with_source_position(file.read_text(encoding="utf-8"), str(file))
    return next((item for item in documents if _declares(item.value, sync)), None)


def _declares(document: Any, sync: LoadSync) -> bool:
    match document:
        case {"attributes": {"object": sync.sobject, **more}}:
            return more.get("name") in (None, sync.name)
        case _:
            return False


def _place(block: ValueAndSourcePositionTree | None, field: str | None, path: Path) -> str:
    if block is None:
        return str(path)
    keys = ("attributes", "fields", field) if field else ("attributes", "object")
    position, _ = block.source_position_tree.lookup_closest_and_path(keys, None)
    return str(position)
