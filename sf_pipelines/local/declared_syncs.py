"""The syncs that the project declares in its defs folder, for commands that need one by its name."""

from __future__ import annotations

import dagster as dg

from sf_pipelines.components.load import SalesforceLoad
from sf_pipelines.local.sandbox import PROJECT_FOLDER
from sf_pipelines.model.sync import LoadSync


def declared_loads() -> dict[str, LoadSync]:
    """Loads by name, as their YAML has them at this moment."""
    tree = dg.ComponentTree.for_project(PROJECT_FOLDER)
    syncs = [component.to_sync() for component in tree.get_all_components(of_type=SalesforceLoad)]
    return {sync.name: sync for sync in syncs}
