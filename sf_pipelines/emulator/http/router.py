"""Finds the handler of a path below `/services/data/vXX.X/`.

Belongs here: routes, matching, 404 and 405. Not here: what a handler does. Imports messages, envelope and
surface types.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.envelope import not_found
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse

if TYPE_CHECKING:
    from sf_pipelines.emulator.http.surface import Surface

Handler = Callable[["Surface", ApiRequest], ApiResponse]
UploadHandler = Callable[["Surface", ApiRequest, AsyncIterator[bytes]], Awaitable[ApiResponse]]

_METHOD_ORDER = ("HEAD", "GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """One resource. In `pattern`, `{name}` takes any segment and `~name` compares without case."""

    pattern: str
    methods: Mapping[str, Handler] = field(default_factory=dict[str, Handler])
    uploads: Mapping[str, UploadHandler] = field(default_factory=dict[str, UploadHandler])
    """Methods whose body is handed over as a stream."""
    in_composite: bool = False
    """True when a composite's subrequest may name it."""
    is_query_or_collection: bool = False
    """True when it counts against the five of a composite ([D] section 3.4)."""

    @property
    def in_batch(self) -> bool:
        """True when a subrequest of `/composite/batch` may name it: single resources only ([D] RESTG)."""
        return self.in_composite and self.parts[:1] != ("composite",)

    @property
    def parts(self) -> tuple[str, ...]:
        """The segments of the pattern."""
        return tuple(part for part in self.pattern.split("/") if part)


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A route that fits, with the request that knows its named segments."""

    route: Route
    request: ApiRequest

    def handler(self) -> Handler:
        """The handler of the request's method (HEAD is answered as GET).

        Raises:
            SalesforceError: 405 METHOD_NOT_ALLOWED.
        """
        found = self.route.methods.get("GET" if self.request.method == "HEAD" else self.request.method)
        if found is None:
            raise self._not_allowed()
        return found

    def _not_allowed(self) -> SalesforceError:
        names = {*self.route.methods, *self.route.uploads} | (
            {"HEAD"} if "GET" in self.route.methods else set()
        )
        allowed = ",".join(name for name in _METHOD_ORDER if name in names)
        message = f"HTTP Method '{self.request.method}' not allowed. Allowed are {allowed}"
        return SalesforceError("METHOD_NOT_ALLOWED", message, status=405)


CheckMatch = Callable[[Match], None]
"""Raises SalesforceError for a resource that a request of its kind may not name."""


class Router:
    """All routes, by number of segments; literal segments win over named ones."""

    def __init__(self, routes: Sequence[Route]) -> None:
        """Order the routes once."""
        self.routes = tuple(routes)
        self._by_length: dict[int, list[tuple[tuple[str, ...], Route]]] = {}
        for route in sorted(routes, key=lambda one: [part.startswith("{") for part in one.parts]):
            self._by_length.setdefault(len(route.parts), []).append((route.parts, route))

    def match(self, request: ApiRequest) -> Match:
        """The route of the request's segments.

        Raises:
            SalesforceError: 404 NOT_FOUND.
        """
        for parts, route in self._by_length.get(len(request.segments), ()):
            params = _fit(parts, request.segments)
            if params is not None:
                return Match(route=route, request=dataclasses.replace(request, params=params))
        raise not_found()

    def dispatch(self, surface: Surface, request: ApiRequest, *, check: CheckMatch) -> ApiResponse:
        """Match, check and run: what becomes of a request inside another one.

        Raises:
            SalesforceError: 404, 405, or what `check` or the handler raises.
        """
        match = self.match(request)
        check(match)
        return match.handler()(surface, match.request)


def _fit(parts: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    params: dict[str, str] = {}
    for part, segment in zip(parts, segments, strict=True):
        if part[0] == "{":
            params[part[1:-1]] = segment
        elif part[0] == "~":
            if part[1:].lower() != segment.lower():
                return None
        elif part != segment:
            return None
    return params
