"""Dagster entry: loads the defs folder, nothing else."""

from __future__ import annotations

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Everything under `sf_pipelines/defs`."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
