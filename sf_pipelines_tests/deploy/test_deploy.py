"""The files in deploy/ agree with the code, with each other, and with what Dagster reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import typer
import yaml

import sf_pipelines
from sf_pipelines.cli import app
from sf_pipelines.config.described import SETTINGS, STORAGE_URL
from sf_pipelines.config.settings import load_settings

ROOT = Path(sf_pipelines.__file__).parents[1]
DEPLOY = ROOT / "deploy"
KNOWN = {setting.variable for setting in SETTINGS} | {STORAGE_URL}


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted(DEPLOY.iterdir()), ids=lambda path: path.name)
def test_every_setting_that_a_file_names_exists(path: Path) -> None:
    named = set(re.findall(r"SF_PIPELINES_[A-Z_]+", path.read_text(encoding="utf-8")))

    assert named <= KNOWN


def test_the_example_of_the_environment_can_be_read() -> None:
    lines = (DEPLOY / "sf_pipelines.env.example").read_text(encoding="utf-8").splitlines()
    pairs = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    settings = load_settings(pairs)

    assert settings.salesforce is not None
    assert settings.database_url is not None


@pytest.fixture
def instance(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The instance that a container has, on the test's own database."""
    monkeypatch.setenv(STORAGE_URL, database_url.replace("postgresql+psycopg2://", "postgresql://"))
    (tmp_path / "dagster.yaml").write_text((DEPLOY / "dagster.yaml").read_text(encoding="utf-8"))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def test_dagster_takes_the_instance_file_and_keeps_everything_in_postgres(
    instance: dg.DagsterInstance,
) -> None:
    stores = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    assert all("Postgres" in type(getattr(store, "_storage", store)).__name__ for store in stores)
    assert type(instance.run_coordinator).__name__ == "QueuedRunCoordinator"
    queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert [limit["key"] for limit in queue.tag_concurrency_limits] == [
        "salesforce/object",
        "dagster/backfill",
    ]
    assert instance.run_monitoring_enabled
    assert instance.run_retries_max_retries == read("dagster.yaml")["run_retries"]["max_retries"]
    assert instance.run_retries_retry_on_asset_or_op_failure is False
    assert instance.managed_python_loggers == ["sf_pipelines"]


def test_rejected_rows_are_sent_again_by_no_retry_of_dagster() -> None:
    on_one_machine, in_kubernetes = read("dagster.yaml")["run_retries"], read("helm-values.yaml")
    chart = in_kubernetes["dagsterDaemon"]["runRetries"]

    assert on_one_machine["retry_on_asset_or_op_failure"] is False
    assert chart["retryOnAssetOrOpFailure"] is False
    assert chart["maxRetries"] == on_one_machine["max_retries"]


def test_kubernetes_has_the_same_run_queue() -> None:
    runs = read("dagster.yaml")["concurrency"]["runs"]
    queue = read("helm-values.yaml")["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]

    assert queue["maxConcurrentRuns"] == runs["max_concurrent_runs"]
    assert queue["tagConcurrencyLimits"] == runs["tag_concurrency_limits"]


def test_all_files_name_the_same_code_location() -> None:
    server = read("workspace.yaml")["load_from"][0]["grpc_server"]
    (deployment,) = read("helm-values.yaml")["dagster-user-deployments"]["deployments"]
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")

    assert server["location_name"] == "sf_pipelines"
    assert server["host"] in read("compose.yaml")["services"]
    assert '"--location-name", "sf_pipelines"' in image
    assert "sf_pipelines" in deployment["dagsterApiGrpcArgs"]
    assert f'"{server["port"]}"' in image
    assert server["port"] == deployment["port"]


def test_every_port_is_published_to_this_machine_only() -> None:
    services = read("compose.yaml")["services"]
    published = [port for service in services.values() for port in service.get("ports", [])]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert read("helm-values.yaml")["dagsterWebserver"]["service"]["type"] == "ClusterIP"


def _commands() -> list[list[str]]:
    services = read("compose.yaml")["services"].values()
    manifests = read("helm-values.yaml")["extraManifests"]
    containers = [
        container for item in manifests for container in item["spec"]["template"]["spec"]["containers"]
    ]
    commands = [item.get("command", []) for item in (*services, *containers)]
    return [command for command in commands if command[:1] == ["sf-pipelines"]]


def test_every_command_of_ours_exists() -> None:
    known = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]

    for _, name, *options in _commands():
        parameters = {option for item in known[name].params for option in item.opts}
        assert {option for option in options if option.startswith("--")} <= parameters


def test_the_image_gets_only_what_it_copies() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert {name for line in copied for name in line.split()} == allowed
    assert all((ROOT / name).exists() for name in allowed)
