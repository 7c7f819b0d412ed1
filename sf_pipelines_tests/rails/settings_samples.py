"""Settings of each flow for tests, with secrets that are easy to search for."""

from __future__ import annotations

from pathlib import Path

from sf_pipelines.config.settings import AuthFlow, SalesforceSettings, Secret

CLIENT_ID = "3MVG9consumer.key.WXYZ"
SECRETS = ("seeded-client-secret", "seeded-password", "seeded-security-token", "seeded-refresh-token")


def client_credentials(url: str) -> SalesforceSettings:
    return SalesforceSettings(
        url=url, flow=AuthFlow.CLIENT_CREDENTIALS, client_id=CLIENT_ID, client_secret=Secret(SECRETS[0])
    )


def password(url: str) -> SalesforceSettings:
    return SalesforceSettings(
        url=url,
        flow=AuthFlow.PASSWORD,
        client_id=CLIENT_ID,
        client_secret=Secret(SECRETS[0]),
        username="ann@example.org",
        password=Secret(SECRETS[1]),
        security_token=Secret(SECRETS[2]),
    )


def refresh_token(url: str) -> SalesforceSettings:
    return SalesforceSettings(
        url=url, flow=AuthFlow.REFRESH_TOKEN, client_id=CLIENT_ID, refresh_token=Secret(SECRETS[3])
    )


def jwt_bearer(url: str, key_file: Path) -> SalesforceSettings:
    return SalesforceSettings(
        url=url,
        flow=AuthFlow.JWT_BEARER,
        client_id=CLIENT_ID,
        username="ann@example.org",
        jwt_private_key_file=key_file,
        jwt_audience="https://test.salesforce.com",
    )
