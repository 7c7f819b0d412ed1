"""Hooks of mkdocs: adds the pages that are made from the code. Nothing else belongs here."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from sf_pipelines.cli import app
from sf_pipelines.local.reference import pages


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Called by mkdocs once the files of docs/ are listed."""
    for path, text in pages(app).items():
        files.append(File.generated(config, path, content=text))
    return files
