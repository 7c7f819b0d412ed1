"""The system account that PostgreSQL runs under when we are root, which PostgreSQL refuses to be.

Anyone but root runs the server under the own account, and nothing here does anything.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from pathlib import Path

ACCOUNT = "pgserver"


def account() -> str | None:
    """Name of the account to switch to, made on first use; None when no switch is needed."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(ACCOUNT)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", ACCOUNT], check=True, capture_output=True)
    return ACCOUNT


def hand_over(folder: Path) -> None:
    """Give a folder to the account, and let it pass through the folders above (pass, not list)."""
    name = account()
    if name is None:
        return
    owner = pwd.getpwnam(name)
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    let_through(folder)


def let_through(path: Path) -> None:
    """Let the account pass through all folders above a path."""
    if account() is None:
        return
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)
