from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sf_pipelines.config.settings import SalesforceSettings
from sf_pipelines.rails.client import connect
from sf_pipelines.rails.errors import (
    AuthenticationError,
    OrgUnavailableError,
    SalesforceError,
    UnexpectedAnswerError,
    UnreachableError,
)
from sf_pipelines_tests.rails import settings_samples as samples
from sf_pipelines_tests.rails.scripted_org import (
    TOKEN_PATH,
    Received,
    Reply,
    ScriptedOrg,
    error_reply,
    json_reply,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def use(settings: SalesforceSettings, sleeps: list[float] | None = None) -> None:
    client = connect(settings, sleep=(sleeps if sleeps is not None else []).append, now=lambda: NOW)
    client.org.headroom()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def key_file(key: rsa.RSAPrivateKey, tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


@pytest.fixture(autouse=True)
def limits(org: ScriptedOrg) -> None:
    org.script("GET", "limits", json_reply({}))


def test_nothing_is_sent_before_the_first_use(org: ScriptedOrg) -> None:
    connect(samples.client_credentials(org.url))

    assert org.received == []


def test_client_credentials_send_id_and_secret(org: ScriptedOrg) -> None:
    use(samples.client_credentials(org.url))

    assert org.token_calls()[0].form() == {
        "grant_type": "client_credentials",
        "client_id": samples.CLIENT_ID,
        "client_secret": "seeded-client-secret",
    }


def test_the_password_carries_the_security_token_behind_it(org: ScriptedOrg) -> None:
    use(samples.password(org.url))

    form = org.token_calls()[0].form()
    assert form["grant_type"] == "password"
    assert form["username"] == "ann@example.org"
    assert form["password"] == "seeded-passwordseeded-security-token"


def test_the_assertion_is_signed_and_soon_over(
    org: ScriptedOrg, key: rsa.RSAPrivateKey, key_file: Path
) -> None:
    use(samples.jwt_bearer(org.url, key_file))

    form = org.token_calls()[0].form()
    claims = jwt.decode(
        form["assertion"],
        key.public_key(),
        algorithms=["RS256"],
        audience="https://test.salesforce.com",
        options={"verify_exp": False},
    )
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert (claims["iss"], claims["sub"]) == (samples.CLIENT_ID, "ann@example.org")
    assert NOW.timestamp() < claims["exp"] <= (NOW + timedelta(minutes=3)).timestamp()


def test_a_rotated_refresh_token_replaces_the_old_one(org: ScriptedOrg) -> None:
    granted = {"access_token": "t1", "instance_url": org.url, "refresh_token": "rotated"}
    org.script("POST", TOKEN_PATH, json_reply(granted), json_reply(granted | {"access_token": "t2"}))
    org.script("GET", "limits", error_reply(401, "INVALID_SESSION_ID"), json_reply({}))

    use(samples.refresh_token(org.url))

    assert [call.form()["refresh_token"] for call in org.token_calls()] == ["seeded-refresh-token", "rotated"]


def test_later_calls_go_to_the_instance_url(org: ScriptedOrg) -> None:
    with ScriptedOrg() as login:
        login.script("POST", TOKEN_PATH, json_reply({"access_token": "t9", "instance_url": org.url}))

        use(samples.client_credentials(login.url))

        assert login.calls() == []
        assert [call.token for call in org.calls()] == ["t9"]


DENIALS = [
    ("invalid_client_id", "client identifier invalid", "SF_PIPELINES_SALESFORCE_CLIENT_ID"),
    ("invalid_client", "invalid client credentials", "SF_PIPELINES_SALESFORCE_CLIENT_SECRET"),
    ("invalid_grant", "authentication failure", "run-as user"),
    ("unsupported_grant_type", "grant type not supported", "SF_PIPELINES_SALESFORCE_FLOW"),
    ("something_new", "what", "SF_PIPELINES_SALESFORCE_URL"),
]


@pytest.mark.parametrize(("code", "text", "mend"), DENIALS)
def test_wrong_credentials_are_told_in_one_sentence(
    org: ScriptedOrg, code: str, text: str, mend: str
) -> None:
    org.script("POST", TOKEN_PATH, json_reply({"error": code, "error_description": text}, 400))

    with pytest.raises(AuthenticationError) as caught:
        use(samples.client_credentials(org.url))

    error = caught.value
    for part in (org.url, "client_credentials", "'WXYZ'", code, text, mend):
        assert part in error.message
    assert (error.error_code, error.status, error.is_retryable) == (code, 400, False)
    assert samples.CLIENT_ID not in str(error)
    assert len(org.token_calls()) == 1


def test_wrong_password_names_the_user(org: ScriptedOrg) -> None:
    org.script("POST", TOKEN_PATH, json_reply({"error": "invalid_grant"}, 400))

    with pytest.raises(AuthenticationError, match=r"ann@example\.org.*security token"):
        use(samples.password(org.url))


def test_an_unusable_key_file_is_named(org: ScriptedOrg, tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("not a key")

    for name in ("bad.pem", "absent.pem"):
        with pytest.raises(AuthenticationError, match=rf"{name}.*SALESFORCE_JWT_PRIVATE_KEY_FILE"):
            use(samples.jwt_bearer(org.url, tmp_path / name))

    assert org.received == []


def test_a_busy_token_endpoint_is_asked_again(org: ScriptedOrg, sleeps: list[float]) -> None:
    good = json_reply({"access_token": "t1", "instance_url": org.url})
    org.script("POST", TOKEN_PATH, Reply(status=503), Reply(hang_up=True), good)

    use(samples.client_credentials(org.url), sleeps)

    assert len(sleeps) == 2


def test_a_dead_token_endpoint_ends_as_unavailable(org: ScriptedOrg, sleeps: list[float]) -> None:
    org.script("POST", TOKEN_PATH, Reply(status=503))

    with pytest.raises(OrgUnavailableError):
        use(samples.client_credentials(org.url), sleeps)

    assert len(org.token_calls()) == 5


def test_a_token_answer_of_another_shape_is_unexpected(org: ScriptedOrg) -> None:
    for reply in (Reply(body=b"<html></html>"), json_reply({"access_token": "t"}), json_reply([])):
        org.script("POST", TOKEN_PATH, reply)
        with pytest.raises(UnexpectedAnswerError):
            use(samples.client_credentials(org.url))


def test_no_token_is_sent_to_a_host_without_tls(org: ScriptedOrg) -> None:
    org.script("POST", TOKEN_PATH, json_reply({"access_token": "t", "instance_url": "http://example.org"}))

    with pytest.raises(UnexpectedAnswerError, match="https"):
        use(samples.client_credentials(org.url))


def _flow(name: str, url: str, key_file: Path) -> tuple[SalesforceSettings, tuple[str, ...]]:
    """Settings of a flow, and the secrets that it holds."""
    key_line = key_file.read_text().splitlines()[1]
    flows = {
        "client_credentials": (samples.client_credentials(url), samples.SECRETS[:1]),
        "password": (samples.password(url), samples.SECRETS[:3]),
        "refresh_token": (samples.refresh_token(url), samples.SECRETS[3:]),
        "jwt_bearer": (samples.jwt_bearer(url, key_file), (key_line,)),
    }
    return flows[name]


def _quote_the_request(request: Received) -> Reply:
    return json_reply({"error": "invalid_grant", "error_description": " ".join(request.form().values())}, 400)


@pytest.mark.parametrize("name", ["client_credentials", "password", "refresh_token", "jwt_bearer"])
def test_no_secret_is_ever_shown(
    org: ScriptedOrg, key_file: Path, caplog: pytest.LogCaptureFixture, sleeps: list[float], name: str
) -> None:
    caplog.set_level(logging.DEBUG)
    settings, secrets = _flow(name, org.url, key_file)
    shown: list[str] = []
    for reply in (_quote_the_request, Reply(status=503), Reply(hang_up=True), Reply(body=b"<html>")):
        org.script("POST", TOKEN_PATH, reply)
        client = connect(settings, sleep=sleeps.append)
        with pytest.raises(SalesforceError) as caught:
            client.org.headroom()
        shown += [repr(caught.value), *traceback.format_exception(caught.value), repr(client)]
    everything = "\n".join([*shown, repr(settings), caplog.text])
    sent = [call.form() for call in org.token_calls()]
    secrets += tuple(form["assertion"] for form in sent if "assertion" in form)

    assert "503" in caplog.text
    assert [secret for secret in secrets if secret in everything] == []


def test_the_token_is_never_shown(
    org: ScriptedOrg, caplog: pytest.LogCaptureFixture, sleeps: list[float]
) -> None:
    caplog.set_level(logging.DEBUG)
    org.script("POST", TOKEN_PATH, json_reply({"access_token": "seeded-token", "instance_url": org.url}))
    shown: list[str] = []
    for reply in (Reply(status=503), Reply(hang_up=True), error_reply(401, "INVALID_SESSION_ID")):
        org.script("GET", "limits", reply)
        with pytest.raises(SalesforceError) as caught:
            use(samples.client_credentials(org.url), sleeps)
        shown += [repr(caught.value), *traceback.format_exception(caught.value), repr(vars(caught.value))]

    assert org.calls()[0].token == "seeded-token"
    assert "seeded-token" not in "\n".join([*shown, caplog.text])


def test_an_unreachable_org_is_named_with_host_and_port(sleeps: list[float]) -> None:
    with ScriptedOrg() as gone:
        url = gone.url

    with pytest.raises(
        UnreachableError, match=r"127\.0\.0\.1:\d+ \(Connection refused\).*SALESFORCE_URL"
    ) as caught:
        use(samples.client_credentials(url), sleeps)

    assert caught.value.is_retryable
    assert sleeps
