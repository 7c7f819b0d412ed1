"""Who calls: the three headers of every Pub/Sub call.

Belongs here: reading and checking them. Not here: sessions themselves (auth/sessions.py). Imports grpc, the
session store, errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc

from sf_pipelines.emulator.auth.sessions import Session, SessionStore
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.pubsub import errors

_TOKEN, _INSTANCE, _TENANT = "accesstoken", "instanceurl", "tenantid"


def authenticate(context: grpc.ServicerContext, sessions: SessionStore, org_id: str) -> Session:
    """The session of the call.

    Raises:
        PubSubError: UNAUTHENTICATED.
    """
    given = _headers(context)
    for name in (_TOKEN, _INSTANCE, _TENANT):
        if not given.get(name):
            raise errors.headers_missing(name)
    if not given[_INSTANCE].startswith(("http://", "https://")):
        raise errors.headers_missing(_INSTANCE)
    if given[_TENANT] not in (org_id, org_id[:15]):
        raise errors.not_authenticated()
    return _session(sessions, given[_TOKEN], errors.not_authenticated())


def refresh(sessions: SessionStore, token: str) -> Session:
    """The session that goes on with the stream.

    Raises:
        PubSubError: UNAUTHENTICATED, the token is no good.
    """
    return _session(sessions, token, errors.refresh_refused())


def _session(sessions: SessionStore, token: str, refusal: errors.PubSubError) -> Session:
    try:
        return sessions.find(token)
    except SalesforceError:
        raise refusal from None


def _headers(context: grpc.ServicerContext) -> Mapping[str, str]:
    metadata: Any = context.invocation_metadata()
    return {key: value for key, value in metadata if isinstance(value, str)}
