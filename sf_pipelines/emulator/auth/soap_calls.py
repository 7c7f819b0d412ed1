"""The SOAP calls around a session: login, logout, getUserInfo, getServerTimestamp.

Belongs here: what each call does and answers. Not here: XML (soap_envelope.py), HTTP (soap_endpoint.py).
Imports oauth, profile, limits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sf_pipelines.emulator.auth.oauth import OAuthServer
from sf_pipelines.emulator.auth.sessions import Session
from sf_pipelines.emulator.auth.soap_envelope import (
    LOGIN_FAULT,
    Fields,
    SoapCall,
    SoapFault,
    namespace,
    no_operation,
)
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.limits import DAILY_API_REQUESTS, LimitBook

# [D] SOAP login retirement notice: absent from API 65.0 on.
LAST_LOGIN_VERSION = 64
ORGANIZATION_NAME = "Emulator"
_BAD_LOGIN = "Invalid username, password, security token; or user locked out."
_BAD_SESSION = "Invalid Session ID found in SessionHeader: Illegal Session"
_ATTACHMENT_LIMIT_BYTES = 5_242_880


def answer_call(call: SoapCall, *, server: OAuthServer, limits: LimitBook, base_url: str) -> Fields | None:
    """Run a call; the fields of its `result`, None where it returns nothing.

    Raises:
        SoapFault: the call is unknown, or refused.
    """
    if call.operation == "login" and _major(call) <= LAST_LOGIN_VERSION:
        return _login(call, server, base_url)
    action = _ACTIONS.get(call.operation)
    if action is None:
        raise no_operation(namespace(call.flavour), call.operation)
    session = _session(call, server)
    if call.operation in _METERED and not limits.try_spend(DAILY_API_REQUESTS):
        raise SoapFault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    return action(server, session)


def _login(call: SoapCall, server: OAuthServer, base_url: str) -> Fields:
    is_known = server.knows(call.arguments.get("username", ""), call.arguments.get("password", ""))
    if not is_known or not server.profile().is_active:
        raise SoapFault("INVALID_LOGIN", _BAD_LOGIN, kind=LOGIN_FAULT)
    session = server.open_session()
    tail = f"{call.version}/{server.org_id[:15]}"
    return {
        "metadataServerUrl": f"{base_url}/services/Soap/m/{tail}",
        "passwordExpired": False,
        "sandbox": False,
        "serverUrl": f"{base_url}/services/Soap/{call.flavour}/{tail}",
        "sessionId": session.token,
        "userId": session.user_id,
        "userInfo": _user_info(server, session),
    }


def _user_info(server: OAuthServer, session: Session) -> Fields:
    profile = server.profile()
    return {
        "accessibilityMode": False,
        "chatterExternal": False,
        "currencySymbol": "$",
        "orgAttachmentFileSizeLimit": _ATTACHMENT_LIMIT_BYTES,
        "orgDefaultCurrencyIsoCode": "USD",
        "orgDefaultCurrencyLocale": "en_US",
        "orgDisallowHtmlAttachments": False,
        "orgHasPersonAccounts": False,
        "organizationId": server.org_id,
        "organizationMultiCurrency": False,
        "organizationName": ORGANIZATION_NAME,
        "profileId": profile.profile_id,
        "roleId": profile.role_id,
        "sessionSecondsValid": server.sessions.lifetime_seconds,
        "userDefaultCurrencyIsoCode": None,
        "userEmail": profile.email,
        "userFullName": profile.full_name,
        "userId": session.user_id,
        "userLanguage": profile.language,
        "userLocale": profile.locale,
        "userName": profile.username,
        "userTimeZone": profile.time_zone,
        "userType": "Standard",
        "userUiSkin": "Theme3",
    }


def _logout(server: OAuthServer, session: Session) -> None:
    server.sessions.revoke(session.token)


def _server_timestamp(server: OAuthServer, session: Session) -> Fields:
    return {"timestamp": server.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")}


def _session(call: SoapCall, server: OAuthServer) -> Session:
    try:
        return server.sessions.find(call.session_id)
    except SalesforceError as error:
        raise SoapFault(error.code, _BAD_SESSION) from error


def _major(call: SoapCall) -> int:
    return int(call.version.partition(".")[0])


_Action = Callable[[OAuthServer, Session], Fields | None]
_ACTIONS: Mapping[str, _Action] = {
    "logout": _logout,
    "getUserInfo": _user_info,
    "getServerTimestamp": _server_timestamp,
}
_METERED = ("getUserInfo", "getServerTimestamp")
