"""The dbt project: where it is, its manifest, and how dbt reaches the warehouse.

dbt runs as a program of its own. What it may know of the warehouse it gets by environment variables that
`profiles.yml` names, so that neither a secret nor a path of a machine stands in a file.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import make_url

import sf_pipelines
from sf_pipelines.config.settings import PREFIX, Secret, Settings, SettingsError

PROJECT_NAME = "dbt_like_models"
BESIDE_THE_PACKAGE = Path(sf_pipelines.__file__).parents[1] / PROJECT_NAME
SHIPPED_WITH_THE_PACKAGE = Path(sys.prefix) / "share" / "sf_pipelines" / PROJECT_NAME
"""Where a wheel puts the project: `tool.setuptools.data-files`."""

PARSE_SECONDS = 120
SOURCE_SUFFIXES = (".sql", ".yml", ".md", ".csv")


class DbtProjectError(Exception):
    """The dbt project is missing or is not understood by dbt; one sentence with the mend."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelsProject:
    """A dbt project on disk.

    Attributes:
        folder: holds dbt_project.yml and profiles.yml.
        target: what dbt writes; the manifest is its `manifest.json`.
    """

    folder: Path
    target: Path

    @property
    def manifest(self) -> Path:
        """What dbt knows of the project, as `prepare_manifest` leaves it."""
        return self.target / "manifest.json"


def models_project(settings: Settings) -> ModelsProject:
    """The project that the settings name, or the shipped one.

    Raises:
        SettingsError: there is no dbt project in the folder.
    """
    shipped = BESIDE_THE_PACKAGE if BESIDE_THE_PACKAGE.is_dir() else SHIPPED_WITH_THE_PACKAGE
    folder = settings.dbt_project or shipped
    if not (folder / "dbt_project.yml").is_file():
        raise SettingsError(
            f"There is no dbt project in {folder}: set {PREFIX}DBT_PROJECT to the folder of dbt_project.yml."
        )
    beside = folder / "target" if os.access(folder, os.W_OK) else settings.home / "dbt"
    return ModelsProject(folder=folder, target=settings.dbt_target or beside)


def prepare_manifest(project: ModelsProject, database_url: Secret | None = None) -> Path:
    """The manifest, made by `dbt parse` where it is missing or older than its project; no database is asked.

    Several processes may call this at once: one parses, the others wait for it.

    Args:
        database_url: where it is known: dbt parses all again when the warehouse is another one.

    Raises:
        DbtProjectError: dbt refuses the project, or the target cannot be written.
    """
    wanted = _fingerprint(project)
    if not _is_made_of(project, wanted):
        with _parsing_alone(project):
            if not _is_made_of(project, wanted):
                _sum_file(project).unlink(missing_ok=True)
                _parse(project, database_url)
                _sum_file(project).write_text(wanted)
    return project.manifest


def dbt_program() -> str:
    """The `dbt` of this very environment."""
    return str(Path(sys.executable).with_name("dbt"))


def warehouse_environment(database_url: str) -> dict[str, str]:
    """The variables of `profiles.yml` for a database URL, a Unix socket's included."""
    url = make_url(database_url)
    options = {name: value if isinstance(value, str) else value[0] for name, value in url.query.items()}
    values = {
        f"{PREFIX}DBT_HOST": url.host or options.get("host"),
        f"{PREFIX}DBT_PORT": str(url.port or options.get("port") or 5432),
        f"{PREFIX}DBT_USER": url.username or options.get("user"),
        f"{PREFIX}DBT_DATABASE": url.database,
        f"{PREFIX}DBT_SSLMODE": options.get("sslmode"),
        f"{PREFIX}DBT_SSLROOTCERT": options.get("sslrootcert"),
        f"DBT_ENV_SECRET_{PREFIX}PASSWORD": url.password or options.get("password"),
    }
    return {name: value for name, value in values.items() if value} | dict(QUIET)


QUIET: Mapping[str, str] = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"}
"""dbt talks to the warehouse and to nobody else."""


@contextmanager
def in_environment(values: Mapping[str, str]) -> Generator[None]:
    """Variables of this process for the length of the block: dagster-dbt hands on what it finds there."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _is_made_of(project: ModelsProject, wanted: str) -> bool:
    try:
        return _sum_file(project).read_text() == wanted and project.manifest.is_file()
    except OSError:
        return False


def _sum_file(project: ModelsProject) -> Path:
    return project.target / "manifest.sum"


def _fingerprint(project: ModelsProject) -> str:
    """Of every file that dbt reads, and of dbt itself."""
    digest = hashlib.sha256(version("dbt-core").encode())
    for path in sorted(_source_files(project.folder, written=project.target)):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(project.folder)}:{len(content)}:".encode() + content)
    return digest.hexdigest()


def _source_files(folder: Path, *, written: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir():
            if path != written and path.name not in ("target", "logs", "dbt_packages"):
                yield from _source_files(path, written=written)
        elif path.suffix in SOURCE_SUFFIXES:
            yield path


@contextmanager
def _parsing_alone(project: ModelsProject) -> Generator[None]:
    try:
        project.target.mkdir(parents=True, exist_ok=True)
        lock = (project.target / "parse.lock").open("a")
    except OSError as error:
        raise DbtProjectError(
            f"dbt cannot write to {project.target} ({error.strerror}): set {PREFIX}DBT_TARGET to a folder "
            "of its own."
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _parse(project: ModelsProject, database_url: Secret | None) -> None:
    warehouse = warehouse_environment(database_url.reveal()) if database_url else QUIET
    command = [dbt_program(), "--quiet", "parse", *folder_options(project)]
    result = subprocess.run(
        command,
        env=os.environ | dict(warehouse),
        capture_output=True,
        text=True,
        timeout=PARSE_SECONDS,
        check=False,
    )
    if result.returncode != 0 or not project.manifest.is_file():
        told = " ".join((result.stdout + result.stderr).split())
        raise DbtProjectError(f"dbt does not understand the project in {project.folder}: {told}")


def folder_options(project: ModelsProject) -> list[str]:
    """Options of every dbt command: where to read, and where to write."""
    return [
        *("--project-dir", str(project.folder), "--profiles-dir", str(project.folder)),
        *("--target-path", str(project.target), "--log-path", str(project.target)),
    ]
