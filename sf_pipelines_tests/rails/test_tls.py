"""Certificates are verified, by every flow and without a way to turn it off."""

from __future__ import annotations

from pathlib import Path

import pytest

from sf_pipelines.config.settings import AuthFlow, SalesforceSettings, Secret
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.rails.client import connect
from sf_pipelines.rails.errors import UnreachableError

PACKAGE = Path(__file__).parents[2] / "sf_pipelines"


def test_an_org_with_a_certificate_that_nobody_vouches_for_gets_no_credentials() -> None:
    with EmulatorServer(tls_port=0) as server:
        settings = SalesforceSettings(
            url=str(server.credentials.tls_url),
            flow=AuthFlow.CLIENT_CREDENTIALS,
            client_id=server.credentials.client_id,
            client_secret=Secret(server.credentials.client_secret),
        )
        client = connect(settings, attempts=1)

        with pytest.raises(UnreachableError, match="certificate"):
            client.org.user_id()


def test_nothing_in_the_package_turns_verification_off() -> None:
    words = ("verify=False", "CERT_NONE", "check_hostname = False", "_create_unverified_context")
    found = [
        (path.name, word)
        for path in PACKAGE.rglob("*.py")
        if "emulator" not in path.parts
        for word in words
        if word in path.read_text(encoding="utf-8")
    ]

    assert found == []
