"""The OAuth endpoints over HTTP: token, revoke, introspect, userinfo, identity.

Belongs here: forms, HTTP Basic, statuses. Not here: the grants (oauth.py), the documents (identity.py).
Imports those, sessions, Starlette.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl, unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sf_pipelines.emulator.auth.authorize import authorize
from sf_pipelines.emulator.auth.identity import LATEST_VERSION, identity_body, userinfo_body
from sf_pipelines.emulator.auth.oauth import SCOPE, OAuthServer
from sf_pipelines.emulator.auth.oauth_error import OAuthError
from sf_pipelines.emulator.auth.sessions import Session
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.versions import NEWEST

_MAX_FORM_BYTES = 65_536
_NOT_CACHED = {"Cache-Control": "no-cache, no-store", "Pragma": "no-cache"}
# [D] "Identity URLs": these refusals are plain text, unlike all others.
_BAD_TOKEN, _MISSING_TOKEN = "Bad_OAuth_Token", "Missing_OAuth_Token"
_WRONG_ORG, _BAD_ID = "Wrong_Org", "Bad_Id"
Endpoint = Callable[[OAuthServer, Request, str], Awaitable[Response]]


async def token(server: OAuthServer, request: Request, base_url: str) -> Response:
    """`POST /services/oauth2/token`."""
    form = await _client_form(request)
    body = await run_in_threadpool(server.grant, form, base_url)
    return JSONResponse(body, headers=_NOT_CACHED)


async def revoke(server: OAuthServer, request: Request, base_url: str) -> Response:
    """`POST /services/oauth2/revoke` with `token`; also by GET with a query."""
    form = await _form(request) if request.method == "POST" else dict(request.query_params)
    if not server.sessions.revoke(form.get("token", "")):
        raise OAuthError("invalid_token", "invalid token")
    return Response(status_code=200)


async def introspect(server: OAuthServer, request: Request, base_url: str) -> Response:
    """`POST /services/oauth2/introspect` with `token` and the client's key and secret."""
    form = await _client_form(request)
    server.check_client(form, secret_required=True)
    session = _live_session(server, form.get("token", ""))
    if session is None:
        return JSONResponse({"active": False}, headers=_NOT_CACHED)
    profile = await run_in_threadpool(server.profile)
    issued, expires = int(session.issued_at.timestamp()), int(session.expires_at.timestamp())
    body = {
        "active": True,
        "scope": SCOPE,
        "client_id": session.client_id,
        "username": profile.username,
        "sub": f"{base_url}/id/{server.org_id}/{session.user_id}",
        "token_type": "access_token",
        "exp": expires,
        "iat": issued,
        "nbf": issued,
    }
    return JSONResponse(body, headers=_NOT_CACHED)


async def userinfo(server: OAuthServer, request: Request, base_url: str) -> Response:
    """`/services/oauth2/userinfo`: the OpenID Connect claims of the caller."""
    refused = _refusal(server, request)
    if refused is not None:
        return refused
    profile = await run_in_threadpool(server.profile)
    now = server.clock.now()
    return JSONResponse(userinfo_body(profile, org_id=server.org_id, base_url=base_url, now=now))


async def identity(server: OAuthServer, request: Request, base_url: str) -> Response:
    """`/id/<org>/<user>`: the identity URL of a token answer; `?version=` fills in its addresses."""
    refused = _refusal(server, request)
    if refused is not None:
        return refused
    profile = await run_in_threadpool(server.profile)
    org_id, _, user_id = request.scope["path"].removeprefix("/id/").rstrip("/").partition("/")
    if org_id not in (server.org_id, server.org_id[:15]):
        return PlainTextResponse(_WRONG_ORG, status_code=403)
    if user_id not in (profile.user_id, profile.user_id[:15]):
        return PlainTextResponse(_BAD_ID, status_code=404)
    version = request.query_params.get("version")
    body = identity_body(
        profile,
        org_id=server.org_id,
        base_url=base_url,
        now=server.clock.now(),
        version=f"{NEWEST}.0" if version == LATEST_VERSION else version,
    )
    return JSONResponse(body)


OAUTH_ENDPOINTS: Mapping[str, Endpoint] = {
    "authorize": authorize,
    "token": token,
    "revoke": revoke,
    "introspect": introspect,
    "userinfo": userinfo,
}


def _refusal(server: OAuthServer, request: Request) -> Response | None:
    token_text = _token_text(request)
    if not token_text:
        return PlainTextResponse(_MISSING_TOKEN, status_code=403)
    if _live_session(server, token_text) is None:
        return PlainTextResponse(_BAD_TOKEN, status_code=403)
    return None


def _token_text(request: Request) -> str:
    """The token of the header, or of the query, which these two resources also take ([D])."""
    scheme, _, token_text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "oauth"):
        return token_text.strip()
    return request.query_params.get("oauth_token") or request.query_params.get("access_token") or ""


def _live_session(server: OAuthServer, token_text: str) -> Session | None:
    try:
        return server.sessions.find(token_text)
    except SalesforceError:
        return None


async def _client_form(request: Request) -> dict[str, str]:
    """The form of a POST, with the client's key and secret from HTTP Basic where it was used."""
    if request.method != "POST":
        raise OAuthError("invalid_request", "must use HTTP POST", status=405)
    return {**await _form(request), **_basic_credentials(request)}


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_FORM_BYTES:
            raise OAuthError("invalid_request", "the request is too large")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _basic_credentials(request: Request) -> dict[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise OAuthError("invalid_client", "invalid client credentials") from error
    client_id, _, secret = text.partition(":")
    return {"client_id": unquote(client_id), "client_secret": unquote(secret)}
