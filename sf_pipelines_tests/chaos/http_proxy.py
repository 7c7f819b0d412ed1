"""A loopback proxy before the emulated org that counts calls, and kills the caller at one of them.

Either before the call reaches the org, or after the org has answered and before the caller can read it.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from sf_pipelines_tests.chaos.strike import Side, Strike

HOP_HEADERS = frozenset({"connection", "transfer-encoding", "content-length", "host", "accept-encoding"})
TOKEN_PATH = "/services/oauth2/token"
TIMEOUT_SECONDS = 30.0


class HttpProxy:
    """Use as a context manager; `url` stands for the org's."""

    def __init__(self, target_url: str) -> None:
        self._target = urlsplit(target_url)
        self._target_url = target_url.rstrip("/")
        self._lock = Lock()
        self._strike: Strike | None = None
        self.kill: Callable[[], None] = lambda: None
        self.calls: list[str] = []
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> HttpProxy:
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def arm(self, strike: Strike | None, kill: Callable[[], None] = lambda: None) -> None:
        """Count from 0 again, and kill at the strike; None only counts."""
        with self._lock:
            self.calls, self._strike, self.kill = [], strike, kill

    def count(self, name: str) -> Side | None:
        """The side on which the caller is to be killed at this call, None to let it pass."""
        with self._lock:
            self.calls.append(name)
            strike = self._strike
            return strike.side if strike is not None and len(self.calls) == strike.number else None

    def forward(
        self, request: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """The org's answer: status, headers and content."""
        connection = http.client.HTTPConnection(
            self._target.hostname or "", self._target.port, timeout=TIMEOUT_SECONDS
        )
        try:
            headers = {
                name: value for name, value in request.headers.items() if name.lower() not in HOP_HEADERS
            }
            connection.request(request.command, request.path, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            if request.path == TOKEN_PATH:
                # later calls go where the token says
                content = content.replace(self._target_url.encode(), self.url.encode())
            return answer.status, answer.getheaders(), content
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: HttpProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_call(self) -> None:
        """One call of the process under test."""
        proxy = self.server.proxy
        body = self._read_body()
        side = proxy.count(f"{self.command} {urlsplit(self.path).path}")
        if side is Side.BEFORE:
            self._strike()
            return
        status, headers, content = proxy.forward(self, body)
        if side is Side.AFTER:
            self._strike()
            return
        self._answer(status, headers, content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_call

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""

    def _strike(self) -> None:
        self.server.proxy.kill()
        self.close_connection = True

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_HEADERS:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts: list[bytes] = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)
