"""A changed long text as a unified diff ([D] section 7.2).

Belongs here: the form of the diff. Not here: which texts are told so (events.py). Imports nothing of the
emulator.
"""

from __future__ import annotations

import difflib
import hashlib


def text_diff(before: str, after: str) -> str:
    r"""`--- `, `+++ <sha256 of after>`, then hunks.

    The lines of a text are `text.split("\n")`: an empty last one stands for a newline at the end.
    """
    digest = hashlib.sha256(after.encode()).hexdigest()
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), "", digest, lineterm="")
    return "\n".join(lines)
