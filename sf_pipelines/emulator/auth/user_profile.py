"""The integration user as the org's own row tells it, for the answers that describe who is logged in.

Belongs here: reading the row. Not here: the answers (identity.py, soap_calls.py). Imports the org.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sf_pipelines.emulator.org import Org

_FIELDS = (
    "Id",
    "Username",
    "FirstName",
    "LastName",
    "Name",
    "Email",
    "MobilePhone",
    "CommunityNickname",
    "IsActive",
    "TimeZoneSidKey",
    "LocaleSidKey",
    "LanguageLocaleKey",
    "ProfileId",
    "UserRoleId",
    "LastModifiedDate",
)
# [C] of a user with a full licence; the org has no other kind.
USER_TYPE = "STANDARD"


@dataclass(frozen=True, kw_only=True, slots=True)
class UserProfile:
    """What the login answers say of a user. Absent texts are None."""

    user_id: str
    username: str
    first_name: str | None
    last_name: str
    full_name: str
    email: str
    mobile_phone: str | None
    nickname: str | None
    is_active: bool
    time_zone: str
    locale: str
    language: str
    profile_id: str
    role_id: str | None
    modified_at: str
    """As REST writes it."""

    def utc_offset_ms(self, when: datetime) -> int:
        """Milliseconds that the user's standard time is ahead of UTC."""
        local = when.astimezone(ZoneInfo(self.time_zone))
        offset = (local.utcoffset() or timedelta()) - (local.dst() or timedelta())
        return int(offset.total_seconds() * 1000)


def read_profile(org: Org) -> UserProfile:
    """The integration user as the row is now."""
    row: dict[str, Any] = org.retrieve("User", org.user_id, _FIELDS)
    return UserProfile(
        user_id=row["Id"],
        username=row["Username"],
        first_name=row["FirstName"],
        last_name=row["LastName"],
        full_name=row["Name"],
        email=row["Email"],
        mobile_phone=row["MobilePhone"],
        nickname=row["CommunityNickname"],
        is_active=row["IsActive"],
        time_zone=row["TimeZoneSidKey"],
        locale=row["LocaleSidKey"],
        language=row["LanguageLocaleKey"],
        profile_id=row["ProfileId"],
        role_id=row["UserRoleId"],
        modified_at=row["LastModifiedDate"],
    )
