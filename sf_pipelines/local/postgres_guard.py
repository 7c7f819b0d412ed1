"""The guard of an embedded PostgreSQL: a process that runs the server for as long as its owner lives.

Its standard input is a pipe from the owner. Whatever ends the owner, a normal stop or SIGKILL, closes the
pipe; the guard then stops the server, waits for it, and ends. If the server ends by itself, so does the
guard, and the owner can see that. Only the standard library is imported, so that it starts at once.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import TypedDict

STANDARD_INPUT = 0


class Identity(TypedDict):
    """Arguments of a child process that say whose it is."""

    user: int | None
    group: int | None
    extra_groups: Sequence[int] | None


def identity(account: str | None) -> Identity:
    """User and groups of an account, all of them: a group left over from root would open and shut doors."""
    if account is None:
        return Identity(user=None, group=None, extra_groups=None)
    entry = pwd.getpwnam(account)
    return Identity(user=entry.pw_uid, group=entry.pw_gid, extra_groups=())


def main() -> int:
    """Run a server to its end; arguments are the account (empty for one's own) and the command."""
    name, *command = sys.argv[1:]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, **identity(name or None))

    def stop(_signal: int, _frame: FrameType | None) -> None:
        _stop_fast(server)

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=_stop_after_owner, args=(server,), daemon=True).start()
    return server.wait()


def _stop_after_owner(server: subprocess.Popen[bytes]) -> None:
    while os.read(STANDARD_INPUT, 1):
        pass
    _stop_fast(server)


def _stop_fast(server: subprocess.Popen[bytes]) -> None:
    """PostgreSQL's fast shutdown: ends its sessions, writes a checkpoint, exits."""
    server.send_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
