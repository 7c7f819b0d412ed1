"""The OAuth endpoints over HTTP: token, revoke, userinfo, identity.

Belongs here: forms, HTTP Basic, statuses. Not here: the grants (oauth.py). Imports oauth, sessions,
Starlette.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sf_pipelines.emulator.auth.oauth import OAuthServer
from sf_pipelines.emulator.auth.oauth_error import OAuthError
from sf_pipelines.emulator.auth.sessions import Session, invalid_session
from sf_pipelines.emulator.errors import SalesforceError

_MAX_FORM_BYTES = 65_536
Endpoint = Callable[[OAuthServer, Request, str], Awaitable[Response]]


async def token(server: OAuthServer, request: Request, base_url: str) -> Response:
    """`POST /services/oauth2/token`."""
    if request.method != "POST":
        raise OAuthError("invalid_request", "must use HTTP POST", status=405)
    form = await _form(request)
    body = server.grant({**form, **_basic_credentials(request)}, base_url)
    return JSONResponse(body, headers={"Cache-Control": "no-cache, no-store"})


async def revoke(server: OAuthServer, request: Request, base_url: str) -> Response:
    """`POST /services/oauth2/revoke` with `token`; also by GET with a query."""
    form = await _form(request) if request.method == "POST" else dict(request.query_params)
    if not server.sessions.revoke(form.get("token", "")):
        raise OAuthError("invalid_token", "invalid token")
    return Response(status_code=200)


async def userinfo(server: OAuthServer, request: Request, base_url: str) -> Response:
    """`GET /services/oauth2/userinfo`: the OpenID Connect claims of the caller."""
    session = _session(server, request)
    identity = _identity(server, session, base_url)
    return JSONResponse({**identity, "sub": identity["id"], "preferred_username": identity["username"]})


async def identity(server: OAuthServer, request: Request, base_url: str) -> Response:
    """`GET /id/<org>/<user>`: the identity URL of a token answer."""
    session = _session(server, request)
    if request.url.path.rstrip("/") != f"/id/{server.org_id}/{session.user_id}":
        raise SalesforceError("NOT_FOUND", "The requested resource does not exist", status=404)
    return JSONResponse(_identity(server, session, base_url))


OAUTH_ENDPOINTS: Mapping[str, Endpoint] = {"token": token, "revoke": revoke, "userinfo": userinfo}


def _identity(server: OAuthServer, session: Session, base_url: str) -> dict[str, Any]:
    return {
        "id": f"{base_url}/id/{server.org_id}/{session.user_id}",
        "user_id": session.user_id,
        "organization_id": server.org_id,
        "username": server.user.username,
        "email": server.user.username,
        "active": True,
        "urls": {"rest": f"{base_url}/services/data/v{{version}}/"},
    }


def _session(server: OAuthServer, request: Request) -> Session:
    scheme, _, token_text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() not in ("bearer", "oauth"):
        raise invalid_session()
    return server.sessions.find(token_text.strip())


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
