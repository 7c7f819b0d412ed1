"""Everything that differs between machines: environment variables to one frozen object.

Reads the environment only when asked. Knows names and defaults, opens nothing and connects to nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sf_pipelines.config.change_settings import ChangeSettings, load_changes
from sf_pipelines.config.environment import PREFIX as PREFIX  # the rooms above know settings, not their parts
from sf_pipelines.config.environment import Secret as Secret
from sf_pipelines.config.environment import SettingsError as SettingsError
from sf_pipelines.config.environment import read, secret, web_address, whole_number, word
from sf_pipelines.config.notices import NoticeSettings, load_notices

DEFAULT_API_VERSION = "66.0"
DEFAULT_EXTRACT_LAG_SECONDS = 300


class AuthFlow(StrEnum):
    """OAuth flows by which an org can be reached."""

    CLIENT_CREDENTIALS = "client_credentials"
    JWT_BEARER = "jwt_bearer"
    REFRESH_TOKEN = "refresh_token"
    PASSWORD = "password"


class CheckSyncs(StrEnum):
    """What a load that contradicts the org does to the code location while it loads."""

    REFUSE = "refuse"
    WARN = "warn"
    OFF = "off"


@dataclass(frozen=True, kw_only=True, slots=True)
class SalesforceSettings:
    """How to reach and enter one org. Which of the optional parts is needed depends on the flow."""

    url: str
    flow: AuthFlow
    client_id: str
    client_secret: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    security_token: Secret | None = None
    refresh_token: Secret | None = None
    jwt_private_key_file: Path | None = None
    jwt_audience: str = "https://login.salesforce.com"
    api_version: str = DEFAULT_API_VERSION


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The environment, read once.

    Attributes:
        home: folder of the embedded parts and of spools.
        database_url: PostgreSQL of ledger and warehouse; None means the embedded server.
        lake: absolute folder or URL of the Parquet lake.
        salesforce: None means the embedded emulator.
        extract_lag_seconds: how far behind the org's clock an extract window must end, so that
            transactions still in flight are not missed.
        dbt_project: folder of the dbt project; None means the one that is shipped.
        dbt_target: folder for what dbt writes; None means beside the project, or under the home.
        check_syncs: what a declared load that contradicts the org does while the code location loads.
        changes: where change events come from.
        notices: where failures are told.
    """

    home: Path
    database_url: Secret | None
    lake: str
    salesforce: SalesforceSettings | None
    extract_lag_seconds: int
    dbt_project: Path | None = None
    dbt_target: Path | None = None
    check_syncs: CheckSyncs = CheckSyncs.REFUSE
    changes: ChangeSettings = field(default_factory=ChangeSettings)
    notices: NoticeSettings = field(default_factory=NoticeSettings)

    def require_database_url(self) -> Secret:
        """The database URL, or SettingsError saying how to get one."""
        if self.database_url is None:
            raise SettingsError(
                f"{PREFIX}DATABASE_URL is not set: set it to a PostgreSQL URL, or start the embedded server "
                "with 'sf-pipelines dev'."
            )
        return self.database_url

    def require_salesforce(self) -> SalesforceSettings:
        """The org's settings, or SettingsError saying how to get one."""
        if self.salesforce is None:
            raise SettingsError(
                f"{PREFIX}SALESFORCE_URL is not set: set it to the org's My Domain URL, or start the "
                "embedded emulator with 'sf-pipelines dev'."
            )
        return self.salesforce


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: a value cannot be understood, or a flow lacks one of its parts.
    """
    values = os.environ if environment is None else environment
    home = Path(read(values, "HOME") or ".sf_pipelines").absolute()
    database_url = read(values, "DATABASE_URL")
    return Settings(
        home=home,
        database_url=Secret(database_url) if database_url else None,
        lake=_lake(values, home),
        salesforce=_salesforce(values) if read(values, "SALESFORCE_URL") else None,
        extract_lag_seconds=whole_number(values, "EXTRACT_LAG_SECONDS", DEFAULT_EXTRACT_LAG_SECONDS),
        dbt_project=_folder(values, "DBT_PROJECT"),
        dbt_target=_folder(values, "DBT_TARGET"),
        check_syncs=word(values, "CHECK_SYNCS", CheckSyncs.REFUSE),
        changes=load_changes(values),
        notices=load_notices(values),
    )


def _folder(values: Mapping[str, str], name: str) -> Path | None:
    text = read(values, name)
    return Path(text).absolute() if text else None


def _lake(values: Mapping[str, str], home: Path) -> str:
    lake = read(values, "LAKE")
    if lake is None:
        return str(home / "lake")
    return lake if "://" in lake else str(Path(lake).absolute())


def _salesforce(values: Mapping[str, str]) -> SalesforceSettings:
    flow = word(values, "SALESFORCE_FLOW", AuthFlow.CLIENT_CREDENTIALS)
    key_file = read(values, "SALESFORCE_JWT_PRIVATE_KEY_FILE")
    settings = SalesforceSettings(
        url=web_address(values, "SALESFORCE_URL"),
        flow=flow,
        client_id=read(values, "SALESFORCE_CLIENT_ID") or "",
        client_secret=secret(values, "SALESFORCE_CLIENT_SECRET"),
        username=read(values, "SALESFORCE_USERNAME"),
        password=secret(values, "SALESFORCE_PASSWORD"),
        security_token=secret(values, "SALESFORCE_SECURITY_TOKEN"),
        refresh_token=secret(values, "SALESFORCE_REFRESH_TOKEN"),
        jwt_private_key_file=Path(key_file) if key_file else None,
        jwt_audience=read(values, "SALESFORCE_JWT_AUDIENCE") or "https://login.salesforce.com",
        api_version=read(values, "SALESFORCE_API_VERSION") or DEFAULT_API_VERSION,
    )
    _check_flow(settings)
    return settings


_NEEDED_BY_FLOW: Mapping[AuthFlow, tuple[str, ...]] = {
    AuthFlow.CLIENT_CREDENTIALS: ("client_id", "client_secret"),
    AuthFlow.JWT_BEARER: ("client_id", "username", "jwt_private_key_file"),
    AuthFlow.REFRESH_TOKEN: ("client_id", "refresh_token"),
    AuthFlow.PASSWORD: ("client_id", "client_secret", "username", "password"),
}


def _check_flow(settings: SalesforceSettings) -> None:
    missing = [name for name in _NEEDED_BY_FLOW[settings.flow] if not getattr(settings, name)]
    if missing:
        names = ", ".join(f"{PREFIX}SALESFORCE_{name.upper()}" for name in missing)
        raise SettingsError(f"The {settings.flow.value} flow needs {names}: set it, or choose another flow.")
