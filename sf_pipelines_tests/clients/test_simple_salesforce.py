"""simple-salesforce, unmodified, against the emulator by HTTPS: every login that it has.

The client says https and `<domain>.salesforce.com` whatever it is told, so there are three ways to point it
at another address, all of them its own or those of its `requests.Session`: a session id and `instance_url`;
the `scratch_url` of `SalesforceLogin`; or an adapter that the session mounts on the login address.
"""

from __future__ import annotations

import pytest
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceExpiredSession
from simple_salesforce.login import SalesforceLogin

from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.clients.conftest import Signer
from sf_pipelines_tests.clients.peer import MY_DOMAIN, VERSION


def finds_the_user(client: Salesforce, org: EmulatorServer) -> bool:
    assert client.sf_instance == str(org.credentials.tls_url).removeprefix("https://")
    found = client.query("SELECT Username FROM User")
    return found["records"][0]["Username"] == org.credentials.username


def test_a_soap_login_with_the_security_token(org: EmulatorServer, session: requests.Session) -> None:
    given = org.credentials
    client = Salesforce(
        username=given.username,
        password=given.password,
        security_token=given.security_token,
        session=session,
        version=VERSION,
    )

    assert finds_the_user(client, org)


def test_the_login_function_takes_an_address_of_its_own(
    org: EmulatorServer, session: requests.Session
) -> None:
    given = org.credentials
    token, instance = SalesforceLogin(
        username=given.username,
        password=given.password,
        security_token=given.security_token,
        scratch_url=given.tls_url,
        session=session,
    )

    assert finds_the_user(Salesforce(session_id=token, instance=instance, session=session), org)


def test_a_wrong_password_is_told_by_code_and_text(org: EmulatorServer, session: requests.Session) -> None:
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        Salesforce(username=org.credentials.username, password="x", security_token="y", session=session)

    assert refused.value.code == "INVALID_LOGIN"
    assert refused.value.auth_message == "Invalid username, password, security token; or user locked out."


def test_the_oauth_password_flow(org: EmulatorServer, session: requests.Session) -> None:
    given = org.credentials
    client = Salesforce(
        username=given.username,
        password=given.password + given.security_token,
        consumer_key=given.client_id,
        consumer_secret=given.client_secret,
        session=session,
    )

    assert finds_the_user(client, org)


def test_the_jwt_bearer_flow(org: EmulatorServer, session: requests.Session, signer: Signer) -> None:
    given = org.credentials
    client = Salesforce(
        username=given.username,
        consumer_key=given.client_id,
        privatekey=signer.private_key_pem,
        session=session,
    )

    assert finds_the_user(client, org)


def test_the_client_credentials_flow(org: EmulatorServer, session: requests.Session) -> None:
    given = org.credentials
    client = Salesforce(
        consumer_key=given.client_id,
        consumer_secret=given.client_secret,
        domain=MY_DOMAIN,
        session=session,
    )

    assert finds_the_user(client, org)


def test_a_dead_session_without_a_way_to_log_in_is_told(org: EmulatorServer, client: Salesforce) -> None:
    org.surface.sessions.revoke(client.session_id)

    with pytest.raises(SalesforceExpiredSession, match="INVALID_SESSION_ID"):
        client.query("SELECT Id FROM Account")
