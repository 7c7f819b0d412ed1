"""Made-up SOAP calls: login and the calls of a session, with a live one, a dead one, or none.

Belongs here: paths, envelopes, headers below /services/Soap/. Not here: spoiling XML (xml_bodies.py).
"""

from __future__ import annotations

from urllib.parse import quote
from xml.sax.saxutils import escape

from hypothesis import strategies as st

from sf_pipelines.emulator.auth.credentials import EmulatorCredentials
from sf_pipelines_tests.fuzz.parts import ANY_METHOD, HEADER_TEXT, TEXT, broken, packed, typed, usually
from sf_pipelines_tests.fuzz.wire import LIVE_SESSION, WireRequest
from sf_pipelines_tests.fuzz.xml_bodies import documents, element

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_URNS = ("urn:partner.soap.sforce.com", "urn:partner.soap.sforce.com", "urn:enterprise.soap.sforce.com")
_FLAVOURS = usually(st.sampled_from(["u", "u", "c"]), st.sampled_from(["m", "T", "x", ""]), times=19)
_VERSIONS = usually(
    st.sampled_from(["62.0", "62", "58.0", "64.0", "65.0", "66.0"]),
    st.sampled_from(["30.0", "31.0", "99.0", "0", "62.5", "-1", "x", "٦٢.0", ""]),
)
_TAILS = usually(
    st.sampled_from(["", "/", "/00Dxx0000000001", "/00Dxx0000000001AAA"]), st.just("/x"), times=19
)
_OPERATIONS = usually(
    st.sampled_from(["login", "login", "getUserInfo", "getServerTimestamp", "logout"]),
    st.sampled_from(["create", "query", "describeGlobal", "x", "Login"]),
)
_SESSIONS = st.sampled_from([LIVE_SESSION, LIVE_SESSION, LIVE_SESSION, "00Dxx0000000001!dead", "", None])
_ACTIONS = st.fixed_dictionaries({}, optional={"soapaction": st.sampled_from(['""', "login"]) | HEADER_TEXT})
_TYPES = usually(
    st.just("text/xml"), st.sampled_from(["text/xml; charset=x", "application/json", ""]), times=9
)


def soap_requests(known: EmulatorCredentials) -> st.SearchStrategy[WireRequest]:
    """Calls of someone who knows the user's name and password, or nearly."""
    bodies = documents(_envelopes(known))
    contents = st.tuples(bodies, _TYPES.map(typed))
    content = usually(contents, packed(contents) | broken(contents), times=19)
    calls = st.tuples(usually(st.just("POST"), ANY_METHOD, times=19), _paths(), content, _ACTIONS)
    return calls.map(
        lambda parts: WireRequest(
            method=parts[0], path=parts[1], headers={**parts[2][1], **parts[3]}, body=parts[2][0]
        )
    )


def _paths() -> st.SearchStrategy[str]:
    parts = st.tuples(_FLAVOURS, _VERSIONS, _TAILS)
    return parts.map(lambda part: quote(f"/services/Soap/{part[0]}/{part[1]}{part[2]}"))


def _envelopes(known: EmulatorCredentials) -> st.SearchStrategy[str]:
    password = known.password + known.security_token
    arguments = st.fixed_dictionaries(
        {},
        optional={
            "username": usually(st.just(known.username), TEXT, times=4),
            "password": usually(st.just(password), st.just(known.password) | TEXT, times=4),
            "x": TEXT,
        },
    )
    urns = usually(st.sampled_from(_URNS), st.sampled_from(["", "urn:x"]), times=19)
    return st.builds(_envelope, _OPERATIONS, arguments, urns, _SESSIONS)


def _envelope(operation: str, arguments: dict[str, str], urn: str, session: str | None) -> str:
    inner = "".join(element(name, escape(text)) for name, text in arguments.items())
    body = element("e:Body", element(operation, inner, xmlns=urn))
    header = ""
    if session is not None:
        header = element("e:Header", element("SessionHeader", element("sessionId", session), xmlns=urn))
    return element("e:Envelope", header + body, **{"xmlns:e": _ENVELOPE})
