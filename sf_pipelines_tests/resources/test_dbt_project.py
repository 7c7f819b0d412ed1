from __future__ import annotations

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sf_pipelines.config.settings import SettingsError, load_settings
from sf_pipelines.resources import dbt_project
from sf_pipelines.resources.dbt_project import (
    BESIDE_THE_PACKAGE,
    DbtProjectError,
    ModelsProject,
    in_environment,
    models_project,
    prepare_manifest,
    warehouse_environment,
)

SMALL = {
    "dbt_project.yml": "name: small\nconfig-version: 2\nprofile: sf_pipelines\n",
    "profiles.yml": (BESIDE_THE_PACKAGE / "profiles.yml").read_text(),
    "models/one.sql": "select 1 as one",
}


@pytest.fixture
def project(tmp_path: Path) -> ModelsProject:
    """A dbt project of one model."""
    for name, content in SMALL.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return ModelsProject(folder=tmp_path / "project", target=tmp_path / "target")


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Calls of dbt, in order."""
    calls: list[list[str]] = []
    run = subprocess.run

    def counted(command: list[str], **options: object) -> object:
        calls.append(command)
        return run(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(dbt_project.subprocess, "run", counted)
    return calls


def test_the_manifest_is_made_once_and_again_when_a_model_changes(
    project: ModelsProject, parses: list[list[str]]
) -> None:
    nodes = [_models(prepare_manifest(project)), _models(prepare_manifest(project))]
    (project.folder / "models" / "two.sql").write_text("select 2 as two")
    nodes.append(_models(prepare_manifest(project)))

    assert nodes == [{"one"}, {"one"}, {"one", "two"}]
    assert len(parses) == 2


def test_what_dbt_writes_into_the_project_is_no_change_of_it(
    project: ModelsProject, parses: list[list[str]]
) -> None:
    within = ModelsProject(folder=project.folder, target=project.folder / "out")
    prepare_manifest(within)
    (within.target / "compiled.sql").write_text("select 1")
    prepare_manifest(within)

    assert len(parses) == 1


def test_of_several_processes_at_once_one_parses(project: ModelsProject, parses: list[list[str]]) -> None:
    with ThreadPoolExecutor(4) as pool:
        manifests = list(pool.map(lambda _: prepare_manifest(project), range(4)))

    assert {_models(path).pop() for path in manifests} == {"one"}
    assert len(parses) == 1


def test_a_project_that_dbt_refuses_is_told_by_its_own_words_and_tried_again(project: ModelsProject) -> None:
    (project.folder / "models" / "one.sql").write_text("select * from {{ ref('nothing') }}")

    with pytest.raises(DbtProjectError, match=r"does not understand.*nothing"):
        prepare_manifest(project)

    (project.folder / "models" / "one.sql").write_text("select 1 as one")
    assert _models(prepare_manifest(project)) == {"one"}


def test_the_project_is_the_one_of_the_settings_else_the_shipped_one(project: ModelsProject) -> None:
    shipped = models_project(load_settings({}))
    own = models_project(
        load_settings(
            {"SF_PIPELINES_DBT_PROJECT": str(project.folder), "SF_PIPELINES_DBT_TARGET": str(project.target)}
        )
    )

    assert shipped.folder == BESIDE_THE_PACKAGE
    assert own == project


def test_a_folder_without_a_project_is_refused_with_the_setting_to_mend(tmp_path: Path) -> None:
    settings = load_settings({"SF_PIPELINES_DBT_PROJECT": str(tmp_path)})

    with pytest.raises(SettingsError, match="set SF_PIPELINES_DBT_PROJECT"):
        models_project(settings)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(
            "postgresql+psycopg2://postgres@/sf_pipelines?host=/run/sf&port=5433",
            {"HOST": "/run/sf", "PORT": "5433", "USER": "postgres", "DATABASE": "sf_pipelines"},
            id="a Unix socket",
        ),
        pytest.param(
            "postgresql://etl:p%40ss@db.example:6432/dwh?sslmode=verify-full&sslrootcert=/etc/ca.pem",
            {
                "HOST": "db.example",
                "PORT": "6432",
                "USER": "etl",
                "DATABASE": "dwh",
                "SSLMODE": "verify-full",
                "SSLROOTCERT": "/etc/ca.pem",
            },
            id="a server with TLS",
        ),
    ],
)
def test_a_database_url_is_taken_apart_for_the_profile(url: str, expected: dict[str, str]) -> None:
    values = warehouse_environment(url)

    prefix = "SF_PIPELINES_DBT_"
    assert {
        name[len(prefix) :]: value for name, value in values.items() if name.startswith(prefix)
    } == expected
    assert values["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"


def test_the_password_travels_only_in_a_variable_that_dbt_hides() -> None:
    values = warehouse_environment("postgresql://etl:p%40ss@db.example/dwh")

    holders = [name for name, value in values.items() if "p@ss" in value]
    assert holders == ["DBT_ENV_SECRET_SF_PIPELINES_PASSWORD"]


def test_variables_of_a_block_are_as_they_were_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_PIPELINES_DBT_HOST", "before")
    monkeypatch.delenv("SF_PIPELINES_DBT_PORT", raising=False)

    with in_environment({"SF_PIPELINES_DBT_HOST": "within", "SF_PIPELINES_DBT_PORT": "1"}):
        assert os.environ["SF_PIPELINES_DBT_HOST"] == "within"

    assert os.environ["SF_PIPELINES_DBT_HOST"] == "before"
    assert "SF_PIPELINES_DBT_PORT" not in os.environ


def test_a_project_in_a_folder_that_nobody_may_write_is_parsed_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "share"
    shutil.copytree(BESIDE_THE_PACKAGE, folder, ignore=shutil.ignore_patterns("target", "logs"))
    settings = load_settings({"SF_PIPELINES_DBT_PROJECT": str(folder), "SF_PIPELINES_HOME": str(tmp_path)})

    found = {is_writable: _target(settings, is_writable) for is_writable in (True, False)}

    assert found == {True: folder / "target", False: tmp_path / "dbt"}


def _target(settings: object, is_writable: bool) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbt_project.os, "access", lambda *_: is_writable)
        return models_project(settings).target  # type: ignore[arg-type]


def _models(manifest: Path) -> set[str]:
    nodes = json.loads(manifest.read_text())["nodes"].values()
    return {node["name"] for node in nodes if node["resource_type"] == "model"}
