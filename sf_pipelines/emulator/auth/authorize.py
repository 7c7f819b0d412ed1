"""`/services/oauth2/authorize`: the web server flow's first step, without a person who would have to click.

Belongs here: the redirect. Not here: the exchange of the code (oauth.py). Imports oauth, Starlette.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sf_pipelines.emulator.auth.oauth import OAuthServer
from sf_pipelines.emulator.auth.oauth_error import OAuthError

# A connected app lists its callbacks; the emulated one has them all, as long as they lead to this machine.
_CALLBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


async def authorize(server: OAuthServer, request: Request, base_url: str) -> Response:
    """`GET /services/oauth2/authorize`: send the browser to `redirect_uri` at once, with a code.

    Raises:
        OAuthError: unknown client or a callback on another machine; any other mistake goes to the callback.
    """
    asked = request.query_params
    server.check_client(asked, secret_required=False)
    redirect_uri = asked.get("redirect_uri", "")
    if not _is_local(redirect_uri):
        raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
    answer = _answer(server, asked, redirect_uri)
    if "state" in asked:
        answer["state"] = asked["state"]
    mark = "&" if urlsplit(redirect_uri).query else "?"
    return RedirectResponse(f"{redirect_uri}{mark}{urlencode(answer)}", status_code=302)


def _answer(server: OAuthServer, asked: Mapping[str, str], redirect_uri: str) -> dict[str, str]:
    if asked.get("response_type") != "code":
        return {
            "error": "unsupported_response_type",
            "error_description": "response type not supported",
        }
    code = server.codes.issue(
        client_id=asked["client_id"],
        redirect_uri=redirect_uri,
        code_challenge=asked.get("code_challenge"),
    )
    return {"code": code}


def _is_local(redirect_uri: str) -> bool:
    try:
        parts = urlsplit(redirect_uri)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and host in _CALLBACK_HOSTS and not parts.fragment
