"""What the scenarios of simple-salesforce share: how it reaches the org, and the org's control plane.

Belongs here: values and small helpers. Not here: fixtures (conftest.py).
"""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter

VERSION = "62.0"
# of a My Domain login, as client credentials need it
MY_DOMAIN = "emulator.my"
Row = dict[str, Any]


class LoginAddress(HTTPAdapter):
    """Takes what goes to a login address to the emulator instead, as an entry in /etc/hosts would."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        request.url = self._url + request.path_url
        return super().send(request, *args, **options)


class ControlPlane:
    """`/emulator/` as any program calls it."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url
        self._session = session

    def post(self, resource: str, /, **facts: Any) -> Row:
        answer = self._session.post(f"{self._url}/emulator/{resource}", json=facts, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def calls(self) -> list[tuple[str, int]]:
        """Method and status of the clients' calls since the org was emptied."""
        answer = self._session.get(f"{self._url}/emulator/calls", timeout=10)
        return [(call["method"], call["status"]) for call in answer.json()["calls"]]
