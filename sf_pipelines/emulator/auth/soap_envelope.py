"""SOAP 1.1 envelopes as Salesforce's partner and enterprise APIs read and write them.

Belongs here: XML in, XML out, the shape of a fault. Not here: what a call does (soap_calls.py). Imports
xml_text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from sf_pipelines.emulator.xml_text import XmlRefusedError, escaped, parse_xml

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_HEAD = f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{_ENVELOPE}"'
_TAIL = "</soapenv:Body></soapenv:Envelope>"
_FLAVOURS = {"u": "partner", "c": "enterprise"}
CLIENT_FAULT = "soapenv:Client"
# Element names of the fault's detail ([R] for LoginFault, [I] for the other).
LOGIN_FAULT, UNEXPECTED_FAULT = "LoginFault", "UnexpectedErrorFault"

Value = str | int | bool | None
Fields = Mapping[str, "Value | Fields"]


class SoapFault(Exception):
    """A refusal, answered as HTTP 500."""

    def __init__(self, code: str, message: str, *, kind: str | None = UNEXPECTED_FAULT) -> None:
        """Store Salesforce's code and text; `kind` names the detail's element, None for no detail."""
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.kind = kind


@dataclass(frozen=True, kw_only=True, slots=True)
class SoapCall:
    """One call: operation, the texts of its arguments, and the session of its header."""

    flavour: str
    """"u" for the partner API, "c" for the enterprise API."""
    version: str
    operation: str
    arguments: Mapping[str, str] = field(repr=False)
    session_id: str = field(repr=False)


def namespace(flavour: str) -> str:
    """The XML namespace of an API's calls and answers."""
    return f"urn:{_FLAVOURS[flavour]}.soap.sforce.com"


def read_call(content: bytes, *, flavour: str, version: str) -> SoapCall:
    """The call in an envelope.

    Raises:
        SoapFault: it is no such envelope, or declares a document type.
    """
    root = _parse(content)
    body = root.find(f"{{{_ENVELOPE}}}Body")
    if root.tag != f"{{{_ENVELOPE}}}Envelope" or body is None or len(body) != 1:
        raise SoapFault(CLIENT_FAULT, "The request is no SOAP envelope with one call", kind=None)
    urn = namespace(flavour)
    call = body[0]
    own_urn, _, name = call.tag.removeprefix("{").rpartition("}")
    if own_urn != urn:
        raise no_operation(own_urn, name)
    session = root.find(f"{{{_ENVELOPE}}}Header/{{{urn}}}SessionHeader/{{{urn}}}sessionId")
    return SoapCall(
        flavour=flavour,
        version=version,
        operation=name,
        arguments={child.tag.removeprefix(f"{{{urn}}}"): child.text or "" for child in call},
        session_id="" if session is None else session.text or "",
    )


def no_operation(urn: str, name: str) -> SoapFault:
    """The fault for a call that the WSDL of that version doesn't have, or that isn't emulated."""
    message = f"No operation available for request {{{urn}}}{name}, please check the WSDL for the service."
    return SoapFault(CLIENT_FAULT, message, kind=None)


def write_answer(call: SoapCall, result: Fields | None) -> str:
    """The envelope of a call's answer; None is the answer of a call that returns nothing."""
    inner = "" if result is None else _element("result", result)
    name = f"{call.operation}Response"
    return (
        f'{_HEAD} xmlns="{namespace(call.flavour)}" xmlns:xsi="{_INSTANCE}"><soapenv:Body>'
        f"<{name}>{inner}</{name}>{_TAIL}"
    )


def write_fault(fault: SoapFault, *, flavour: str) -> str:
    """The envelope of a fault ([R] INVALID_LOGIN, November 2024)."""
    text = escaped(fault.message)
    detail = ""
    if fault.kind is not None:
        text = f"{fault.code}: {text}"
        detail = (
            f'<detail><sf:{fault.kind} xsi:type="sf:{fault.kind}">'
            f"<sf:exceptionCode>{fault.code}</sf:exceptionCode>"
            f"<sf:exceptionMessage>{escaped(fault.message)}</sf:exceptionMessage>"
            f"</sf:{fault.kind}></detail>"
        )
    return (
        f'{_HEAD} xmlns:sf="urn:fault.{_FLAVOURS[flavour]}.soap.sforce.com" xmlns:xsi="{_INSTANCE}">'
        f"<soapenv:Body><soapenv:Fault><faultcode>{fault.code}</faultcode>"
        f"<faultstring>{text}</faultstring>{detail}</soapenv:Fault>{_TAIL}"
    )


def _parse(content: bytes) -> Element:
    try:
        return parse_xml(content)
    except XmlRefusedError as error:
        raise SoapFault(CLIENT_FAULT, "The request is no well-formed XML", kind=None) from error


def _element(name: str, value: Value | Fields) -> str:
    if value is None:
        return f'<{name} xsi:nil="true"/>'
    if isinstance(value, Mapping):
        inner = "".join(_element(key, one) for key, one in value.items())
    else:
        inner = str(value).lower() if isinstance(value, bool) else escaped(str(value))
    return f"<{name}>{inner}</{name}>"
