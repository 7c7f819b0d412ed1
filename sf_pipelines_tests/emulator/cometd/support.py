"""A Bayeux client in small: one HTTP session with its cookies."""

from __future__ import annotations

from typing import Any

import requests

from sf_pipelines.emulator.clock import Clock
from sf_pipelines_tests.emulator.waiting import wait_until

CHANGE_EVENTS = "/data/ChangeEvents"


class Comet:
    """Sends meta messages as a client of one session."""

    def __init__(self, url: str, token: str) -> None:
        self.url = f"{url}/cometd/66.0"
        self._token = token
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {token}"
        self.client_id = ""

    def another(self) -> Comet:
        """Another client of the same session."""
        return Comet(self.url.removesuffix("/cometd/66.0"), self._token)

    def send(self, channel: str, **facts: Any) -> list[dict[str, Any]]:
        message = {"channel": channel, "id": "7", **facts}
        if self.client_id:
            message.setdefault("clientId", self.client_id)
        answer = self.http.post(self.url, json=[message], timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def handshake(self) -> dict[str, Any]:
        [answer] = self.send(
            "/meta/handshake",
            version="1.0",
            minimumVersion="1.0",
            supportedConnectionTypes=["long-polling"],
            ext={"replay": True},
        )
        self.client_id = answer.get("clientId", "")
        return answer

    def subscribe(self, replay: Any = -2, channel: str = CHANGE_EVENTS) -> dict[str, Any]:
        [answer] = self.send("/meta/subscribe", subscription=channel, ext={"replay": {channel: replay}})
        return answer

    def connect(self) -> list[dict[str, Any]]:
        """The events of one connect, and its own answer last."""
        return self.send("/meta/connect", connectionType="long-polling")

    def open(self, replay: Any = -2, channel: str = CHANGE_EVENTS) -> None:
        """Shake hands, subscribe, connect once; whatever is there waits for the next connect."""
        assert self.handshake()["successful"]
        [connected] = self.connect()
        assert connected["successful"]
        assert self.subscribe(replay, channel)["successful"]


def wait_until_held(clock: Clock) -> None:
    """Block until a connect waits in the server."""
    wait_until(clock, lambda: clock.listening > 0)
