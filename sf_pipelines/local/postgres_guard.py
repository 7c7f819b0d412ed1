"""The guard of an embedded PostgreSQL: a process that stops the server when its owner is gone.

Its standard input is a pipe from the owner. Whatever ends the owner, a normal stop or SIGKILL, closes
the pipe; the guard then stops the server and ends. It imports little, so that it starts at once.
"""

from __future__ import annotations

import signal
import subprocess
import sys


def main() -> None:
    """Wait for the end of standard input, then run a command: arguments are the user and the command."""
    # Ctrl-C in the owner's terminal reaches this process too: the owner decides when to stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.buffer.read()
    user, *command = sys.argv[1:]
    subprocess.run(
        command,
        check=False,
        cwd="/",
        user=user or None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    main()
