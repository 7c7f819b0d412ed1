"""The account of the server: another one for root, and one's own with nothing changed for anybody else."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from sf_pipelines.local.server_account import account, hand_over, let_through

ORDINARY_USER_ID = 65_534


@pytest.fixture
def folder(server_folder: Path) -> Path:
    """A folder below one that others may not enter."""
    shut = server_folder / "shut"
    (shut / "data").mkdir(parents=True)
    shut.chmod(0o700)
    return shut / "data"


def _holds_for_an_ordinary_user(condition: Callable[[], bool]) -> bool:
    """What a condition says in a process of a user who is not root."""
    child = os.fork()
    if child == 0:
        holds = False
        try:
            if os.geteuid() == 0:
                os.setuid(ORDINARY_USER_ID)
            holds = condition()
        finally:
            os._exit(0 if holds else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_root_needs_another_account() -> None:
    name = account()

    assert (name is not None) == (os.geteuid() == 0)
    assert name is None or pwd.getpwnam(name).pw_uid != 0
    assert _holds_for_an_ordinary_user(lambda: account() is None)


def test_the_account_owns_what_is_handed_over_and_may_pass_but_not_look_around(folder: Path) -> None:
    name = account()
    owner = os.geteuid() if name is None else pwd.getpwnam(name).pw_uid

    hand_over(folder)

    assert folder.stat().st_uid == owner
    assert folder.parent.stat().st_uid == os.geteuid()
    assert _mode(folder.parent) == (0o700 if name is None else 0o701)


def test_a_door_that_is_open_already_stays_as_it_is(folder: Path) -> None:
    folder.parent.chmod(0o755)

    let_through(folder)

    assert _mode(folder.parent) == 0o755


def test_an_ordinary_user_hands_over_nothing(folder: Path) -> None:
    def hand_over_changes_nothing() -> bool:
        hand_over(folder)
        let_through(folder)
        return True

    before = folder.stat()

    assert _holds_for_an_ordinary_user(hand_over_changes_nothing)
    assert (folder.stat().st_uid, _mode(folder)) == (before.st_uid, stat.S_IMODE(before.st_mode))
    assert _mode(folder.parent) == 0o700
