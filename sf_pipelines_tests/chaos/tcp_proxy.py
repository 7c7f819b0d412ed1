"""A loopback proxy that cuts the connections to a server on demand, or at one of the server's blocks."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Lock, Thread
from types import TracebackType

BLOCK_BYTES = 65_536


class TcpProxy:
    """Use as a context manager; `address` stands for the server's."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = Lock()
        self._open: list[socket.socket] = []
        self._cut_at: int | None = None
        self.blocks = 0

    @property
    def address(self) -> str:
        """Host and port of the proxy."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> TcpProxy:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def arm(self, cut_at: int | None) -> None:
        """Count the server's blocks from 0 again, and cut in place of the given one."""
        with self._lock:
            self.blocks, self._cut_at = 0, cut_at

    def cut(self) -> None:
        """Lose every connection; new ones are taken."""
        with self._lock:
            lost, self._open = self._open, []
        for item in lost:
            with suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)
            item.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            with self._lock:
                self._open += [client, server]
            Thread(target=self._pass_on, args=(client, server), daemon=True).start()
            Thread(target=self._pass_on, args=(server, client, True), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_counted: bool = False) -> None:
        with suppress(OSError):
            while block := source.recv(BLOCK_BYTES):
                if is_counted and self._is_cut_now():
                    self.cut()
                    return
                target.sendall(block)
        for item in (source, target):
            with suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)

    def _is_cut_now(self) -> bool:
        with self._lock:
            self.blocks += 1
            return self.blocks == self._cut_at
