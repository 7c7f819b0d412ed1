"""`sf-pipelines doctor`: is everything there that a run needs, and if not, what mends it. Changes nothing.

Each examination gives findings; an error of ours becomes the finding's sentence, which names the mend. What
depends on a part that is not there is skipped, not failed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from sf_pipelines.config.described import STORAGE_URL
from sf_pipelines.config.settings import AuthFlow, Settings, load_settings
from sf_pipelines.lake.probe import probe_lake
from sf_pipelines.ledger.engine import open_engine
from sf_pipelines.ledger.health import LedgerHealth, read_health
from sf_pipelines.local.doctor_org import examine_org
from sf_pipelines.local.findings import Finding, State
from sf_pipelines.local.known_errors import KNOWN_ERRORS, sentence
from sf_pipelines.resources.notices import open_channels

_MARKS = {State.OK: "[green]ok[/]", State.WARN: "[yellow]warn[/]", State.FAIL: "[bold red]fail[/]"}


def run_doctor(environment: Mapping[str, str] | None = None) -> list[Finding]:
    """Everything that can be examined with these settings, in the order in which it is best mended."""
    values = os.environ if environment is None else environment
    try:
        settings = load_settings(values)
    except KNOWN_ERRORS as error:
        return [Finding("settings", State.FAIL, sentence(error))]
    return [
        Finding("settings", State.OK, "Every setting can be read."),
        *_guarded("home", _home, settings),
        *_guarded("key file", _key_file, settings),
        *_guarded("database", _database, settings),
        *_guarded("lake", _lake, settings),
        *_guarded("org", examine_org, settings),
        *_guarded("notices", _notices, settings),
        *_dagster(values),
    ]


def as_document(findings: Iterable[Finding]) -> dict[str, Any]:
    """The findings as one JSON document."""
    listed = list(findings)
    return {"is_healthy": is_healthy(listed), "findings": [asdict(item) for item in listed]}


def as_table(findings: Iterable[Finding]) -> Table:
    """The findings for people."""
    table = Table(title="What a run needs")
    for name in ("Part", "State", "Finding, and what mends it"):
        table.add_column(name, overflow="fold")
    for item in findings:
        table.add_row(item.part, _MARKS.get(item.state, item.state.value), escape(item.text))
    return table


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Whether nothing failed; warnings do not stop a run."""
    return all(item.state is not State.FAIL for item in findings)


def _guarded(
    part: str, examine: Callable[[Settings], Iterator[Finding]], settings: Settings
) -> Iterator[Finding]:
    try:
        yield from examine(settings)
    except KNOWN_ERRORS as error:
        yield Finding(part, State.FAIL, sentence(error))


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.home
    nearest = next(path for path in (home, *home.parents) if path.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        yield Finding("home", State.OK, f"{home} can be {'written' if home.exists() else 'made'}.")
    else:
        yield Finding(
            "home",
            State.FAIL,
            f"{nearest} cannot be written: mend its permissions, or set SF_PIPELINES_HOME to another folder.",
        )


def _key_file(settings: Settings) -> Iterator[Finding]:
    salesforce = settings.salesforce
    if salesforce is None or salesforce.flow is not AuthFlow.JWT_BEARER:
        return
    path = salesforce.jwt_private_key_file
    assert path is not None  # load_settings asks for it
    try:
        mode = path.stat().st_mode
        path.read_bytes()
    except OSError as error:
        yield Finding(
            "key file",
            State.FAIL,
            f"{path} cannot be read ({error.strerror}): put the private key of the connected app there.",
        )
        return
    if mode & 0o077:
        yield Finding("key file", State.WARN, f"Others than its owner may read {path}: chmod 600 {path}")
    else:
        yield Finding("key file", State.OK, f"{path} can be read by its owner only.")


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is None:
        yield Finding(
            "database",
            State.SKIPPED,
            "SF_PIPELINES_DATABASE_URL is not set: 'sf-pipelines dev' brings its own.",
        )
        return
    engine = open_engine(settings.database_url.reveal())
    try:
        yield _verdict_of(read_health(engine))
    finally:
        engine.dispose()


def _verdict_of(health: LedgerHealth) -> Finding:
    server = f"PostgreSQL {health.server_version}"
    if not health.may_create:
        return Finding(
            "database",
            State.FAIL,
            f"{server} answers, but {health.user} may make no schema in {health.database}: "
            f"GRANT CREATE ON DATABASE {health.database} TO {health.user}",
        )
    if health.revision is None:
        return Finding("database", State.OK, f"{server} answers; the first run makes the ledger in it.")
    if health.revision not in health.known_revisions:
        return Finding(
            "database",
            State.FAIL,
            f"The ledger is of a newer release (migration {health.revision}): install the newest one.",
        )
    waiting = health.known_revisions[-1]
    if health.revision != waiting:
        text = f"The ledger stands at migration {health.revision}; the next run brings it to {waiting}."
        return Finding("database", State.OK, text)
    return Finding("database", State.OK, f"{server} answers; the ledger is at migration {health.revision}.")


def _lake(settings: Settings) -> Iterator[Finding]:
    probe_lake(settings.lake)
    yield Finding("lake", State.OK, f"{settings.lake} can be written, read and emptied.")


def _notices(settings: Settings) -> Iterator[Finding]:
    channels = open_channels(settings.notices)
    if channels:
        yield Finding("notices", State.OK, f"Failures are told by {' and '.join(channels)}.")
    else:
        yield Finding(
            "notices",
            State.WARN,
            "Nobody is told of failures: set SF_PIPELINES_NOTICE_WEBHOOK_URL, or SF_PIPELINES_SMTP_URL and "
            "SF_PIPELINES_NOTICE_EMAIL_TO.",
        )


def _dagster(values: Mapping[str, str]) -> Iterator[Finding]:
    """Only where a Dagster home is set: `sf-pipelines dev` makes its own."""
    home = values.get("DAGSTER_HOME")
    if not home:
        yield Finding("dagster", State.SKIPPED, "DAGSTER_HOME is not set: 'sf-pipelines dev' makes its own.")
    elif not (Path(home) / "dagster.yaml").is_file():
        yield Finding("dagster", State.FAIL, f"{home} has no dagster.yaml: copy deploy/dagster.yaml there.")
    elif not values.get(STORAGE_URL):
        yield Finding("dagster", State.FAIL, f"{STORAGE_URL} is not set: set it to the database's URL.")
    else:
        yield Finding("dagster", State.OK, f"{home} holds dagster.yaml, and its storage is named.")
