"""Every setting from the environment, and what is said when one is wrong."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sf_pipelines.config.change_settings import ChangeSettings, StartFrom
from sf_pipelines.config.settings import (
    DEFAULT_API_VERSION,
    DEFAULT_EXTRACT_LAG_SECONDS,
    AuthFlow,
    SalesforceSettings,
    Secret,
    Settings,
    SettingsError,
    load_settings,
)

URL = "https://acme.my.salesforce.com"
HIDDEN = "correct horse battery staple"

PARTS: dict[str, dict[str, str]] = {
    "client_credentials": {"CLIENT_ID": "id", "CLIENT_SECRET": HIDDEN},
    "jwt_bearer": {"CLIENT_ID": "id", "USERNAME": "ada@acme.test", "JWT_PRIVATE_KEY_FILE": "/keys/org.pem"},
    "refresh_token": {"CLIENT_ID": "id", "REFRESH_TOKEN": HIDDEN},
    "password": {"CLIENT_ID": "id", "CLIENT_SECRET": HIDDEN, "USERNAME": "ada@acme.test", "PASSWORD": HIDDEN},
}
PAIRS = [(flow, part) for flow, parts in PARTS.items() for part in parts]


def _environment(flow: str, *, without: str = "", **more: str) -> dict[str, str]:
    parts = {name: text for name, text in PARTS[flow].items() if name != without}
    named = {"URL": URL, "FLOW": flow, **parts, **more}
    return {f"SF_PIPELINES_SALESFORCE_{name}": text for name, text in named.items()}


def _org(flow: str, **more: str) -> SalesforceSettings:
    return load_settings(_environment(flow, **more)).require_salesforce()


def test_an_empty_environment_means_the_embedded_parts_in_the_current_folder() -> None:
    home = Path.cwd() / ".sf_pipelines"

    assert load_settings({}) == Settings(
        home=home,
        database_url=None,
        lake=str(home / "lake"),
        salesforce=None,
        extract_lag_seconds=DEFAULT_EXTRACT_LAG_SECONDS,
    )


def test_every_general_setting_is_read() -> None:
    settings = load_settings(
        {
            "SF_PIPELINES_HOME": "/srv/home",
            "SF_PIPELINES_DATABASE_URL": "postgresql://db/warehouse",
            "SF_PIPELINES_LAKE": "s3://bucket/lake",
            "SF_PIPELINES_EXTRACT_LAG_SECONDS": "0",
        }
    )

    assert settings == Settings(
        home=Path("/srv/home"),
        database_url=Secret("postgresql://db/warehouse"),
        lake="s3://bucket/lake",
        salesforce=None,
        extract_lag_seconds=0,
    )


def test_an_empty_variable_counts_as_not_set() -> None:
    names = ("HOME", "DATABASE_URL", "LAKE", "SALESFORCE_URL", "SALESFORCE_FLOW", "EXTRACT_LAG_SECONDS")

    assert load_settings({f"SF_PIPELINES_{name}": "" for name in names}) == load_settings({})


def test_a_relative_folder_of_the_lake_is_made_absolute_like_home() -> None:
    settings = load_settings({"SF_PIPELINES_HOME": "here", "SF_PIPELINES_LAKE": "there"})

    assert settings.home == Path.cwd() / "here"
    assert settings.lake == str(Path.cwd() / "there")


@pytest.mark.parametrize("flow", PARTS)
def test_a_flow_with_all_its_parts_is_accepted(flow: str) -> None:
    org = _org(flow)

    assert org.flow is AuthFlow(flow)
    assert org.url == URL
    assert org.client_id == "id"


@pytest.mark.parametrize(("flow", "part"), PAIRS, ids=[f"{flow} without {part}" for flow, part in PAIRS])
def test_a_flow_that_lacks_a_part_names_that_part_and_no_other(flow: str, part: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(_environment(flow, without=part))

    assert re.findall(r"SF_PIPELINES_SALESFORCE_(\w+)", str(caught.value)) == [part]
    assert flow in str(caught.value)


def test_client_credentials_is_the_flow_when_none_is_named() -> None:
    environment = _environment("client_credentials")
    del environment["SF_PIPELINES_SALESFORCE_FLOW"]

    assert load_settings(environment).require_salesforce().flow is AuthFlow.CLIENT_CREDENTIALS


def test_an_unknown_flow_is_answered_with_those_that_there_are() -> None:
    environment = _environment("password") | {"SF_PIPELINES_SALESFORCE_FLOW": "saml"}

    with pytest.raises(SettingsError, match=r"FLOW is 'saml': use one of client_credentials, jwt_bearer, "):
        load_settings(environment)


def test_optional_parts_of_an_org_have_their_defaults_and_can_be_set() -> None:
    plain = _org("password")
    full = _org(
        "password",
        SECURITY_TOKEN="token",
        API_VERSION="60.0",
        JWT_AUDIENCE="https://test.salesforce.com",
    )

    assert (plain.security_token, plain.api_version) == (None, DEFAULT_API_VERSION)
    assert plain.jwt_audience == "https://login.salesforce.com"
    assert full.security_token == Secret("token")
    assert (full.api_version, full.jwt_audience) == ("60.0", "https://test.salesforce.com")


def test_the_slash_at_the_end_of_an_orgs_url_is_dropped() -> None:
    assert _org("refresh_token", URL=f"{URL}/").url == URL


@pytest.mark.parametrize("url", ["acme.my.salesforce.com", "ftp://acme.my.salesforce.com"])
def test_an_org_that_is_not_named_by_a_web_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=rf"SALESFORCE_URL is '{url}'.*https://"):
        _org("refresh_token", URL=url)


@pytest.mark.parametrize("text", ["soon", "-1", "1.5", "5 s"])
def test_a_lag_that_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=f"EXTRACT_LAG_SECONDS is '{text}': set it to a whole number"):
        load_settings({"SF_PIPELINES_EXTRACT_LAG_SECONDS": text})


def test_what_is_required_and_not_set_is_named_with_the_mend() -> None:
    settings = load_settings({})

    with pytest.raises(SettingsError, match=r"SF_PIPELINES_DATABASE_URL is not set: set it to a PostgreSQL"):
        settings.require_database_url()
    with pytest.raises(SettingsError, match=r"SF_PIPELINES_SALESFORCE_URL is not set: set it to the org's"):
        settings.require_salesforce()


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r}".format, "{:>40}".format, "%s".__mod__])
def test_a_secret_never_shows_itself(show: Callable[[object], str]) -> None:
    text = show(Secret(HIDDEN))

    assert HIDDEN not in text
    assert "***" in text


@pytest.mark.parametrize("flow", PARTS)
def test_settings_show_no_secret_whichever_way_they_are_printed(flow: str) -> None:
    database = {"SF_PIPELINES_DATABASE_URL": f"postgresql://ada:{HIDDEN}@db/warehouse"}
    settings = load_settings(_environment(flow, SECURITY_TOKEN=HIDDEN) | database)

    assert HIDDEN not in f"{settings} {settings!r} {dataclasses.asdict(settings)}"
    assert settings.require_database_url().reveal().startswith(f"postgresql://ada:{HIDDEN}@")


def test_secrets_are_equal_when_their_texts_are() -> None:
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


def test_no_error_tells_a_secret() -> None:
    environment = _environment("password", without="USERNAME")

    with pytest.raises(SettingsError) as caught:
        load_settings(environment)

    assert HIDDEN not in str(caught.value)


def test_settings_cannot_be_changed() -> None:
    settings = load_settings({})

    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.lake = "elsewhere"  # type: ignore[misc]


def test_change_events_come_from_the_address_of_all_orgs_and_begin_at_their_defaults() -> None:
    changes = load_settings({}).changes

    assert changes.pubsub_url == "https://api.pubsub.salesforce.com:443"
    assert changes.channels == ("/data/ChangeEvents",)
    assert (changes.first_start, changes.restart) == (StartFrom.LATEST, StartFrom.EARLIEST)


def test_every_setting_of_change_events_is_read() -> None:
    changes = load_settings(
        {
            "SF_PIPELINES_PUBSUB_URL": "http://127.0.0.1:7011/",
            "SF_PIPELINES_CHANNELS": "/data/AccountChangeEvent, /data/Team__chn,/data/AccountChangeEvent",
            "SF_PIPELINES_CHANGES_FIRST_START": "earliest",
            "SF_PIPELINES_CHANGES_RESTART": "latest",
        }
    ).changes

    assert changes == ChangeSettings(
        pubsub_url="http://127.0.0.1:7011",
        channels=("/data/AccountChangeEvent", "/data/Team__chn"),
        first_start=StartFrom.EARLIEST,
        restart=StartFrom.LATEST,
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CHANNELS", "AccountChangeEvent"),
        ("CHANNELS", ", ,"),
        ("PUBSUB_URL", "api.pubsub.salesforce.com:443"),
        ("CHANGES_RESTART", "now"),
        ("CHANGES_FIRST_START", "-1"),
    ],
)
def test_a_wrong_setting_of_change_events_is_named(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"SF_PIPELINES_{name}"):
        load_settings({f"SF_PIPELINES_{name}": text})
