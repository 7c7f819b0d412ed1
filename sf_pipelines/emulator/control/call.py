"""One call of the control plane, as its acts see it.

Belongs here: the value, its body as JSON, the checks that several acts share. Imports messages, surface.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from sf_pipelines.emulator.http.messages import json_error, parse_json
from sf_pipelines.emulator.http.surface import Surface


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlCall:
    """A call below `/emulator/`."""

    surface: Surface
    name: str
    """The name in the path, where the resource has one."""
    query: Mapping[str, str]
    content: bytes
    content_type: str

    def body(self) -> dict[str, Any]:
        """The JSON object of the call; empty without content.

        Raises:
            SalesforceError: 400.
        """
        body: Any = parse_json(self.content) if self.content else {}
        if not isinstance(body, dict):
            raise json_error("The body of a control call is a JSON object")
        return body


Answer = dict[str, Any] | Response
Action = Callable[[ControlCall], Answer | Awaitable[Answer]]


def is_count(value: Any) -> bool:
    """True for a whole number from 0 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
