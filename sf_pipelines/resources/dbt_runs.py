"""dbt under dagster-dbt: one command in a step, on the project and the warehouse of the settings."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from importlib.metadata import version as installed_version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource
from packaging import version

from sf_pipelines.config.settings import load_settings
from sf_pipelines.resources.dbt_project import (
    ModelsProject,
    dbt_program,
    in_environment,
    models_project,
    warehouse_environment,
)
from sf_pipelines.resources.pipelines import told_by_dagster

PARTIAL_PARSE = "partial_parse.msgpack"


class QuietDbt(DbtCliResource):
    """dagster-dbt's program without the two things that it does before each command."""

    @cached_property
    def _cli_version(self) -> version.Version:
        # `dbt --version` takes seconds, and asks a package index for newer ones
        return version.parse(installed_version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        # serves row counts and column types only: contracts say the types, dbt's answer says the rows
        del args


def run_dbt(
    context: dg.AssetExecutionContext,
    arguments: Sequence[str],
    *,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Any]:
    """Run a dbt command for the models that the step is to make; its events as Dagster's.

    Args:
        variables: environment variables that models read with `env_var`.

    Raises:
        dagster.Failure: a setting is missing.
        DagsterDbtCliRuntimeError: a model or a test failed; the others that do not need it are made.
    """
    with told_by_dagster():
        settings = load_settings()
        environment = warehouse_environment(settings.require_database_url().reveal())
        project = models_project(settings)
    with in_environment(environment | dict(variables or {})), _target_of_run(project) as target:
        program = QuietDbt(
            project_dir=str(project.folder), profiles_dir=str(project.folder), dbt_executable=dbt_program()
        )
        yield from program.cli(arguments, context=context, target_path=target).stream()


@contextmanager
def _target_of_run(project: ModelsProject) -> Generator[Path]:
    """A folder for what one command writes; what it has parsed is kept for the next one."""
    project.target.mkdir(parents=True, exist_ok=True)
    shared = project.target / PARTIAL_PARSE
    with TemporaryDirectory(dir=project.target, prefix="run-") as folder:
        with suppress(FileNotFoundError):
            shutil.copyfile(shared, Path(folder) / PARTIAL_PARSE)
        yield Path(folder)
        with suppress(FileNotFoundError):
            (Path(folder) / PARTIAL_PARSE).replace(shared)
