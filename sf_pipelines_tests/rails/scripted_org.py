"""A local HTTP server that plays what a test scripts: any status, headers and bytes, and broken transfers.

It knows no rule of Salesforce but the token endpoint, so that tests can show answers no good org gives.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from requests.structures import CaseInsensitiveDict

DATA = "/services/data/v66.0"
TOKEN_PATH = "/services/oauth2/token"
PATIENCE_SECONDS = 10.0


@dataclass(kw_only=True)
class Received:
    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    peer: object
    blocks: int = 0

    @property
    def token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def json(self) -> Any:
        is_packed = self.headers.get("Content-Encoding") == "gzip"
        return json.loads(gzip.decompress(self.body) if is_packed else self.body)

    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(kw_only=True)
class Reply:
    """`cut_after` promises the whole body and hangs up after so many bytes; `hang_up` answers nothing.

    Without `tells_length` the body ends where the connection does.
    """

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    hang_up: bool = False
    tells_length: bool = True


def json_reply(data: Any, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(
        status=status, body=json.dumps(data).encode(), headers={"Content-Type": "application/json"} | named
    )


def error_reply(status: int, code: str, message: str = "text", **more: Any) -> Reply:
    return json_reply([{"message": message, "errorCode": code, **more}], status)


def csv_reply(body: bytes | Iterable[bytes], **more: Any) -> Reply:
    headers = {"Content-Type": "text/csv"} | more.pop("headers", {})
    return Reply(body=body, headers=headers, **more)


Answering = Callable[[Received], Reply]


class ScriptedOrg:
    """Answers each path with its scripted replies in turn; the last one stays. Tokens are t1, t2, …"""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.date: str | None = None
        self.on_block: Callable[[int], None] = lambda number: None
        self._scripts: dict[tuple[str, str], list[Reply | Answering]] = {}
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._tokens = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def script(self, method: str, path: str, *replies: Reply | Answering) -> None:
        full = path if path.startswith("/services") else f"{DATA}/{path}"
        self._scripts[method, full] = list(replies)

    def calls(self, method: str | None = None) -> list[Received]:
        """What came in, tokens aside."""
        calls = [item for item in self.received if item.path != TOKEN_PATH]
        return [item for item in calls if method in (None, item.method)]

    def token_calls(self) -> list[Received]:
        return [item for item in self.received if item.path == TOKEN_PATH]

    def reply_to(self, request: Received) -> Reply:
        with self._lock:
            self.received.append(request)
            replies = self._scripts.get((request.method, request.path))
            if replies:
                reply = replies.pop(0) if len(replies) > 1 else replies[0]
            elif request.path == TOKEN_PATH:
                reply = self._new_token()
            else:
                reply = error_reply(404, "NOT_FOUND", "The requested resource does not exist")
        return reply(request) if callable(reply) else reply

    def _new_token(self) -> Reply:
        self._tokens += 1
        return json_reply(
            {"access_token": f"t{self._tokens}", "instance_url": self.url, "token_type": "Bearer"}
        )

    def __enter__(self) -> ScriptedOrg:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_SECONDS)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, org: ScriptedOrg) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.org = org

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of many scripts."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _org(self) -> ScriptedOrg:
        assert isinstance(self.server, _Server)
        return self.server.org

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _play(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        body, blocks = self._read_body()
        request = Received(
            method=self.command,
            path=url.path,
            query=query,
            headers=CaseInsensitiveDict(self.headers.items()),
            body=body,
            blocks=blocks,
            peer=self.client_address,
        )
        self._send(self._org.reply_to(request))

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _play

    def _read_body(self) -> tuple[bytes, int]:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0))), 0
        parts: list[bytes] = []
        while size := self._chunk_size():
            parts.append(self.rfile.read(size))
            self.rfile.readline()
            self._org.on_block(len(parts))
        self.rfile.readline()
        return b"".join(parts), len(parts)

    def _chunk_size(self) -> int:
        line = self.rfile.readline()
        if not line:
            raise ConnectionAbortedError("The body has no end.")
        return int(line, 16)

    def _send(self, reply: Reply) -> None:
        if reply.hang_up:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if isinstance(reply.body, bytes):
            self._send_whole(reply, reply.body)
        else:
            self._send_blocks(reply.body)

    def _send_whole(self, reply: Reply, body: bytes) -> None:
        if reply.tells_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if reply.cut_after is None else body[: reply.cut_after])
        self.close_connection = reply.cut_after is not None or not reply.tells_length

    def _send_blocks(self, blocks: Iterable[bytes]) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for block in blocks:
            if not block:
                self.close_connection = True
                return
            self.wfile.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self._org.date or super().date_time_string(timestamp)
