"""A loopback proxy before PostgreSQL that counts commits, and loses every connection at one of them.

It can also be away for a while: then it loses all connections and takes no new one.

It reads just enough of the wire protocol: after the start-up packet each message of a client is one byte for
its kind and four for its length; a commit is a simple query. Before its effect the commit is not passed on,
so the server rolls back; after it, the server has answered, and the answer is thrown away.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from types import TracebackType

from sqlalchemy import make_url

from sf_pipelines_tests.chaos.strike import Side, Strike

BLOCK_BYTES = 65_536
COMMIT = b"COMMIT\x00"
QUERY = b"Q"
WAIT_SECONDS = 30.0


class PostgresProxy:
    """Use as a context manager; `url(of)` stands for the URL of a database on the server."""

    def __init__(self, server_url: str) -> None:
        url = make_url(server_url)
        folder = url.query.get("host") or url.host
        assert isinstance(folder, str), "the embedded server listens on a Unix socket"
        self._socket_path = f"{folder}/.s.PGSQL.{url.port or url.query.get('port') or 5432}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = Lock()
        self._open: list[socket.socket] = []
        self._strike: Strike | None = None
        self._at_strike: Callable[[], None] = lambda: None
        self._is_away = False
        self.commits = 0

    def url(self, of: str) -> str:
        """The same database through this proxy."""
        port = self._listener.getsockname()[1]
        options = {"sslmode": "disable", "gssencmode": "disable"}
        through = make_url(of).set(host="127.0.0.1", port=port, query=options)
        return through.render_as_string(hide_password=False)

    def __enter__(self) -> PostgresProxy:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._lose_all()

    def arm(self, strike: Strike | None, at_strike: Callable[[], None] = lambda: None) -> None:
        """Count from 0 again, and lose the connections at the strike; None only counts.

        Args:
            at_strike: called just before that, for instance to kill the process that commits.
        """
        with self._lock:
            self.commits, self._strike, self._at_strike = 0, strike, at_strike

    @contextmanager
    def away(self) -> Generator[None]:
        """As if the server were down."""
        self._is_away = True
        self._lose_all()
        try:
            yield
        finally:
            self._is_away = False

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._is_away:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._socket_path)
            with self._lock:
                self._open += [client, server]
            Thread(target=self._to_server, args=(client, server), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        answers = _Answers(server, client)
        with suppress(OSError, _ClosedError):
            server.sendall(_start_up(client))
            while True:
                kind, message = _message(client)
                side = self._side() if kind == QUERY and message.endswith(COMMIT) else None
                if side is Side.BEFORE:
                    self._at_strike()
                    self._lose_all()
                    return
                if side is Side.AFTER:
                    answers.withhold()
                server.sendall(message)
                if side is Side.AFTER:
                    answers.wait_for_the_withheld()
                    self._at_strike()
                    self._lose_all()
                    return
        _close(client, server)

    def _side(self) -> Side | None:
        with self._lock:
            self.commits += 1
            strike = self._strike
            return strike.side if strike is not None and self.commits == strike.number else None

    def _lose_all(self) -> None:
        with self._lock:
            lost, self._open = self._open, []
        _close(*lost)


class _ClosedError(Exception):
    """The other side has closed its connection."""


class _Answers:
    """What the server says, passed on until it is to be withheld."""

    def __init__(self, server: socket.socket, client: socket.socket) -> None:
        self._server = server
        self._client = client
        self._is_withheld = False
        self._thread = Thread(target=self._pass_on, daemon=True)
        self._thread.start()

    def withhold(self) -> None:
        self._is_withheld = True

    def wait_for_the_withheld(self) -> None:
        self._thread.join(timeout=WAIT_SECONDS)

    def _pass_on(self) -> None:
        with suppress(OSError, _ClosedError):
            while block := self._server.recv(BLOCK_BYTES):
                if self._is_withheld:
                    return
                self._client.sendall(block)
        _close(self._client, self._server)


def _start_up(client: socket.socket) -> bytes:
    length = _exactly(client, 4)
    return length + _exactly(client, struct.unpack("!i", length)[0] - 4)


def _message(client: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(client, 5)
    return head[:1], head + _exactly(client, struct.unpack("!i", head[1:])[0] - 4)


def _exactly(source: socket.socket, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = source.recv(min(size, BLOCK_BYTES))
        if not part:
            raise _ClosedError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _close(*sockets: socket.socket) -> None:
    for item in sockets:
        with suppress(OSError):
            item.shutdown(socket.SHUT_RDWR)
        item.close()
