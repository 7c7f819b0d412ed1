"""The two JSON documents about a logged-in user: the identity URL's and OpenID Connect's userinfo.

Belongs here: their keys. Not here: who may read them (endpoints.py). Imports the user's profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sf_pipelines.emulator.auth.user_profile import USER_TYPE, UserProfile

LATEST_VERSION = "latest"
_VERSION_MARK = "{version}"
# [D] "Identity URLs": name to path; the SOAP addresses end with the 15-character org id.
_SOAP_PATHS = {"enterprise": "Soap/c", "metadata": "Soap/m", "partner": "Soap/u", "tooling_soap": "Soap/T"}
_REST_PATHS = {
    "rest": "",
    "sobjects": "sobjects/",
    "search": "search/",
    "query": "query/",
    "recent": "recent/",
    "tooling_rest": "tooling/",
    "feeds": "chatter/feeds",
    "groups": "chatter/groups",
    "users": "chatter/users",
    "feed_items": "chatter/feed-items",
    "feed_elements": "chatter/feed-elements",
}


def identity_url(base_url: str, org_id: str, user_id: str) -> str:
    """The `id` of a token answer: `/id/<org18>/<user18>` at the address that the client called."""
    return f"{base_url}/id/{org_id}/{user_id}"


def identity_body(
    profile: UserProfile, *, org_id: str, base_url: str, now: datetime, version: str | None = None
) -> dict[str, Any]:
    """The answer of the identity URL ([D] "Identity URLs").

    Args:
        profile: of the session's user.
        org_id: 18 characters.
        base_url: the address that the client called.
        now: the org's time, for the user's distance from UTC.
        version: fills the addresses' `{version}`; None leaves it to the client.
    """
    return {
        "id": identity_url(base_url, org_id, profile.user_id),
        "asserted_user": True,
        "user_id": profile.user_id,
        "organization_id": org_id,
        "username": profile.username,
        "nick_name": profile.nickname,
        "display_name": profile.full_name,
        "email": profile.email,
        "email_verified": True,
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "timezone": profile.time_zone,
        "photos": _photos(base_url),
        "addr_street": None,
        "addr_city": None,
        "addr_state": None,
        "addr_country": None,
        "addr_zip": None,
        "mobile_phone": profile.mobile_phone,
        "mobile_phone_verified": False,
        "is_lightning_login_user": False,
        "status": {"created_date": None, "body": None},
        "urls": _urls(profile, org_id, base_url, version or _VERSION_MARK),
        "active": profile.is_active,
        **_habits(profile, now),
        "last_modified_date": profile.modified_at,
        "is_app_installed": True,
    }


def userinfo_body(profile: UserProfile, *, org_id: str, base_url: str, now: datetime) -> dict[str, Any]:
    """The answer of `/services/oauth2/userinfo` ([D] "Query for User Information"); arguments as above."""
    claims = {
        "sub": identity_url(base_url, org_id, profile.user_id),
        "user_id": profile.user_id,
        "organization_id": org_id,
        "preferred_username": profile.username,
        "nickname": profile.nickname,
        "name": profile.full_name,
        "email": profile.email,
        "email_verified": True,
        "given_name": profile.first_name,
        "family_name": profile.last_name,
        "zoneinfo": profile.time_zone,
        "photos": _photos(base_url),
        "profile": f"{base_url}/{profile.user_id}",
        "picture": _photos(base_url)["picture"],
        "address": {},
        "is_salesforce_integration_user": False,
        "urls": _urls(profile, org_id, base_url, _VERSION_MARK),
        "active": profile.is_active,
        **_habits(profile, now),
        "updated_at": profile.modified_at,
    }
    return {key: value for key, value in claims.items() if value is not None}


def _habits(profile: UserProfile, now: datetime) -> dict[str, Any]:
    return {
        "user_type": USER_TYPE,
        "language": profile.language,
        "locale": profile.locale,
        "utcOffset": profile.utc_offset_ms(now),
    }


def _photos(base_url: str) -> Mapping[str, str]:
    return {"picture": f"{base_url}/profilephoto/005/F", "thumbnail": f"{base_url}/profilephoto/005/T"}


def _urls(profile: UserProfile, org_id: str, base_url: str, version: str) -> dict[str, str]:
    soap = {name: f"{base_url}/services/{path}/{version}/{org_id[:15]}" for name, path in _SOAP_PATHS.items()}
    rest = {name: f"{base_url}/services/data/v{version}/{path}" for name, path in _REST_PATHS.items()}
    return {**soap, **rest, "profile": f"{base_url}/{profile.user_id}"}
