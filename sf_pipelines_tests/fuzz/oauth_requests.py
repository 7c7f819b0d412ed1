"""Made-up calls of the login endpoints, the identity URL, and paths outside all APIs.

Belongs here: forms and queries of OAuth. Not here: SOAP login (soap_requests.py).
"""

from __future__ import annotations

from urllib.parse import urlencode

from hypothesis import strategies as st

from sf_pipelines.emulator.auth.credentials import EmulatorCredentials
from sf_pipelines.emulator.auth.endpoints import OAUTH_ENDPOINTS
from sf_pipelines_tests.fuzz.json_bodies import ANYTHING
from sf_pipelines_tests.fuzz.parts import ANY_METHOD, HEADER_TEXT, TEXT, Strategy, typed, usually
from sf_pipelines_tests.fuzz.wire import LIVE_SESSION, WireRequest

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_GRANTS = ["password", "client_credentials", "refresh_token", "authorization_code", _JWT_GRANT, "x", ""]
_OUTSIDE = [
    "/",
    "/services",
    "/services/data",
    "/services/async",
    "/services/apexrest/x",
    "/emulator",
    "/favicon.ico",
]
_OTHER_TYPES = (
    st.sampled_from(["application/json", "multipart/form-data; boundary=x", "text/xml"]) | HEADER_TEXT
)


def oauth_requests(known: EmulatorCredentials) -> st.SearchStrategy[WireRequest]:
    """Calls of someone who knows the app's key and secret and the user's password, or nearly."""
    form = _forms(known)
    identities = st.sampled_from(["/id/00Dxx0000000001AAA/005xx0000000001AAA", "/id/x/y", "/id/"])
    paths = st.one_of(
        *[st.sampled_from([f"/services/oauth2/{name}" for name in OAUTH_ENDPOINTS])] * 4,
        identities,
        st.sampled_from(_OUTSIDE),
    )
    return st.builds(
        _request,
        method=usually(st.sampled_from(["POST", "POST", "GET"]), ANY_METHOD),
        path=paths,
        query=usually(st.just({}), form, times=1).map(urlencode),
        body=usually(form.map(urlencode).map(str.encode), st.binary(max_size=20)),
        content_type=usually(st.just("application/x-www-form-urlencoded"), _OTHER_TYPES),
        headers=st.fixed_dictionaries({}, optional={"authorization": _authorizations()}),
    )


def _request(
    method: str, path: str, query: str, body: bytes, content_type: str, headers: dict[str, str]
) -> WireRequest:
    described = {**headers, **typed(content_type)}
    return WireRequest(method=method, path=path, query=query, headers=described, body=body)


def _forms(known: EmulatorCredentials) -> st.SearchStrategy[dict[str, str]]:
    password = known.password + known.security_token
    return st.fixed_dictionaries(
        {"grant_type": usually(st.sampled_from(_GRANTS), TEXT)},
        optional={
            "client_id": _known(known.client_id),
            "client_secret": _known(known.client_secret),
            "username": _known(known.username),
            "password": _known(password),
            "refresh_token": TEXT,
            "token": st.just(LIVE_SESSION) | TEXT,
            "assertion": st.sampled_from(["a.b.c", "e30.e30.e30", ""]) | TEXT,
            "code": TEXT,
            "redirect_uri": st.sampled_from(["http://localhost/x", "http://[::1", "http://[x]/", "//x"])
            | TEXT,
            "response_type": st.sampled_from(["code", "token"]),
            "state": TEXT,
            "code_challenge": TEXT,
            "version": st.sampled_from(["latest", "62.0", "x"]),
        },
    )


def _known(value: str) -> Strategy:
    return usually(st.just(value), TEXT | ANYTHING.map(str), times=9)


def _authorizations() -> Strategy:
    return (
        st.sampled_from([f"Bearer {LIVE_SESSION}", "Bearer x", "Basic eDp5", "Basic x", "Basic", "OAuth "])
        | HEADER_TEXT
    )
