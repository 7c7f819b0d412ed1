"""The calls that clients made, in order.

Belongs here: the bounded list. Not here: the control plane's own calls, which aren't in it. Imports nothing
of the emulator.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

KEPT_CALLS = 10_000


@dataclass(kw_only=True, slots=True)
class Call:
    """One call; `status` is None while it has no answer, and stays None when its connection broke first."""

    n: int
    method: str
    path: str
    status: int | None = None
    faults: Sequence[str] = ()


class CallLog:
    """The last KEPT_CALLS calls since the reset."""

    def __init__(self) -> None:
        """Begin empty."""
        self._calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self._numbers = count(1)

    def open(self, method: str, path: str) -> Call:
        """Note a call that arrives, under the next number."""
        call = Call(n=next(self._numbers), method=method, path=path)
        self._calls.append(call)
        return call

    def listed(self) -> list[dict[str, Any]]:
        """The calls, oldest first."""
        return [asdict(call) for call in list(self._calls)]

    def clear(self) -> None:
        """Forget all and number from 1 again."""
        self._calls.clear()
        self._numbers = count(1)
