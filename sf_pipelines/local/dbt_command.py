"""`sf-pipelines dbt`: any dbt command on the project of the models, on the warehouse of the settings."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from sf_pipelines.config.settings import load_settings
from sf_pipelines.local.ledger_database import open_ledger_database
from sf_pipelines.resources.dbt_project import (
    dbt_program,
    folder_options,
    models_project,
    warehouse_environment,
)


def run_dbt_command(arguments: Sequence[str]) -> int:
    """Run it on this terminal; its exit code.

    Raises:
        SettingsError: there is no dbt project where the settings say.
        SandboxError, EmbeddedPostgresError, LedgerError: as for commands that look at the ledger.
    """
    project = models_project(load_settings())
    command = [dbt_program(), *arguments, *folder_options(project)]
    with open_ledger_database() as engine:
        url = engine.url.render_as_string(hide_password=False)
        environment = os.environ | warehouse_environment(url)
        return subprocess.run(command, env=environment, check=False).returncode
