"""The embedded parts as one thing: PostgreSQL, the emulated org, a Dagster home, and their environment.

Starts only what the settings do not name: a database URL or an org of one's own takes the place of the
embedded part. Everything it started ends with it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

import sf_pipelines
from sf_pipelines.config.settings import PREFIX, Settings, load_settings
from sf_pipelines.emulator.auth.credentials import EmulatorCredentials
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.local.postgres import EmbeddedPostgres

PROJECT_FOLDER = Path(sf_pipelines.__file__).parents[1]
MARKER = "sandbox.lock"
DATABASES = "postgres"
OURS = frozenset({"described", "lake", "spool"})
"""What the pipelines themselves put into a home, with or without a sandbox."""


class SandboxError(Exception):
    """The embedded parts cannot start; one sentence with the mend."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sandbox:
    """Running parts.

    Attributes:
        settings: complete settings that name the running parts.
        environment: for child processes, complete.
        org: credentials of the emulator, None where an org of one's own is used.
    """

    settings: Settings
    environment: Mapping[str, str]
    org: EmulatorCredentials | None


@contextmanager
def open_sandbox(*, fresh: bool, org_starts_at: datetime | None = None) -> Generator[Sandbox]:
    """Start the embedded parts that the environment does not replace, and stop them at the end.

    Args:
        fresh: begin with an empty home. Only a folder that an earlier sandbox marked as its own is emptied.
        org_starts_at: the emulator's clock at start; None is now.

    Raises:
        SandboxError: another process holds the home, or the folder is not a sandbox.
        EmbeddedPostgresError: the server does not start.
    """
    settings = load_settings()
    with ExitStack() as stack:
        stack.enter_context(_held(settings.home, fresh=fresh))
        # children work in another folder, where a relative path would mean another place
        environment = os.environ | {f"{PREFIX}HOME": str(settings.home), f"{PREFIX}LAKE": settings.lake}
        if settings.database_url is None:
            postgres = stack.enter_context(EmbeddedPostgres(settings.home / DATABASES))
            environment[f"{PREFIX}DATABASE_URL"] = postgres.url
        org = None
        if settings.salesforce is None:
            server = EmulatorServer(
                port=0,
                clock=Clock(org_starts_at) if org_starts_at else None,
                org_path=settings.home / "org.sqlite",
                pubsub_port=0,
            )
            org = stack.enter_context(server).credentials
            environment |= _org_environment(org)
        environment |= _dagster_environment(settings.home, environment[f"{PREFIX}DATABASE_URL"])
        yield Sandbox(settings=load_settings(environment), environment=environment, org=org)


@contextmanager
def _held(home: Path, *, fresh: bool) -> Generator[None]:
    """The home folder, held by this process alone, emptied when asked for."""
    with _marker(home) as marker:
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SandboxError(
                f"Another sf-pipelines process uses {home}: stop it, or set {PREFIX}HOME to another folder."
            ) from None
        if fresh:
            _empty(home)
        yield


def _marker(home: Path) -> IO[str]:
    """The file that says whose the home is; made in a new or empty one."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        strange = [path for path in home.iterdir() if path.name not in OURS]
        if strange and not (home / MARKER).exists():
            raise SandboxError(
                f"{home} holds files that are not ours: set {PREFIX}HOME to an empty or new folder."
            )
        return (home / MARKER).open("a")
    except OSError as error:
        raise SandboxError(
            f"{home} cannot be used ({error.strerror}): set {PREFIX}HOME to another folder."
        ) from error


def _empty(home: Path) -> None:
    EmbeddedPostgres(home / DATABASES).erase()
    for path in home.iterdir():
        if path.name in (MARKER, DATABASES):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _org_environment(org: EmulatorCredentials) -> dict[str, str]:
    return {
        f"{PREFIX}SALESFORCE_URL": org.url,
        f"{PREFIX}PUBSUB_URL": f"http://{org.pubsub_address}",
        f"{PREFIX}SALESFORCE_FLOW": "client_credentials",
        f"{PREFIX}SALESFORCE_CLIENT_ID": org.client_id,
        f"{PREFIX}SALESFORCE_CLIENT_SECRET": org.client_secret,
        # the emulator commits a row before it answers, so nothing is in flight behind its clock
        f"{PREFIX}EXTRACT_LAG_SECONDS": os.environ.get(f"{PREFIX}EXTRACT_LAG_SECONDS", "0"),
    }


def _dagster_environment(home: Path, database_url: str) -> dict[str, str]:
    dagster_home = home / "dagster"
    dagster_home.mkdir(exist_ok=True)
    shutil.copyfile(PROJECT_FOLDER / "deploy" / "dagster.yaml", dagster_home / "dagster.yaml")
    return {
        "DAGSTER_HOME": str(dagster_home),
        f"{PREFIX}DAGSTER_STORAGE_URL": database_url,
        "VIRTUAL_ENV": sys.prefix,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))),
    }
