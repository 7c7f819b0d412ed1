"""`/composite/graph`: up to 75 graphs of subrequests in one call, each graph all or nothing.

Belongs here: [D] section 3.4, graph: its caps, its resources, the halt after too many failures. Not here:
running the nodes of one graph (composite.py). Imports composite, envelope, json_values, references,
subrequests, surface.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.composite import composite_response, failed, run_all_or_none
from sf_pipelines.emulator.http.envelope import error_response
from sf_pipelines.emulator.http.json_values import read_objects
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.references import halted, reference_ids
from sf_pipelines.emulator.http.router import Match, Route, Router
from sf_pipelines.emulator.http.subrequests import Subrequest, as_request, read_subrequests
from sf_pipelines.emulator.http.surface import Surface

# [D] RESTG composite graph limits; the last one counts failed graphs.
MAX_GRAPHS, MAX_NODES, MAX_DEPTH, MAX_NODE_KINDS, MAX_FAILED_GRAPHS = 75, 500, 15, 15, 14
# [D] RESTG: unique, starts with a letter or digit, at most 40 characters, no dot.
_GRAPH_ID = re.compile(r"[A-Za-z0-9][^.]{0,39}", re.DOTALL)
# [D] RESTG: the only resources of a node.
_RESOURCES: Mapping[str, frozenset[str]] = {
    "sobjects/{sobject}": frozenset({"POST"}),
    "sobjects/{sobject}/{id}": frozenset({"GET", "PATCH", "DELETE"}),
    "sobjects/{sobject}/{field}/{value}": frozenset({"GET", "PATCH", "DELETE", "POST"}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Graph:
    graph_id: str
    nodes: tuple[Subrequest, ...]


def composite_graph(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`POST B/composite/graph`: 200 with one result for each graph, in order."""
    graphs = _read(surface.router, request)
    results: list[dict[str, Any]] = []
    failures = 0
    for graph in graphs:
        if failures > MAX_FAILED_GRAPHS:
            responses = [error_response([halted()]) for _ in graph.nodes]
        else:
            responses = run_all_or_none(surface, request, graph.nodes, check=_in_graph)
        is_successful = not any(map(failed, responses))
        failures += not is_successful
        results.append(
            {
                "graphId": graph.graph_id,
                "graphResponse": composite_response(graph.nodes, responses),
                "isSuccessful": is_successful,
            }
        )
    return ApiResponse(json={"graphs": results})


def _read(router: Router, request: ApiRequest) -> Sequence[_Graph]:
    items = read_objects(request.json_object(), "graphs")
    if not items:
        raise SalesforceError("REQUIRED_FIELD_MISSING", "At least 1 graph is required")
    _cap(len(items), MAX_GRAPHS, "graphs")
    graphs = [_read_one(item) for item in items]
    ids = [graph.graph_id for graph in graphs]
    if len(set(ids)) < len(ids):
        raise SalesforceError("INVALID_INPUT", "Every graphId of a request must be unique")
    nodes = [node for graph in graphs for node in graph.nodes]
    _cap(len(nodes), MAX_NODES, "nodes")
    _cap(len({_kind(router, request, node) for node in nodes}), MAX_NODE_KINDS, "different nodes")
    _cap(max(map(_depth, graphs)), MAX_DEPTH, "levels of references")
    return graphs


def _read_one(item: Mapping[str, Any]) -> _Graph:
    graph_id = item.get("graphId")
    if not isinstance(graph_id, str) or not _GRAPH_ID.fullmatch(graph_id):
        message = "A graphId starts with a letter or digit, has at most 40 characters, and no dot"
        raise SalesforceError("INVALID_INPUT", message)
    return _Graph(graph_id=graph_id, nodes=read_subrequests(item))


def _cap(count: int, most: int, what: str) -> None:
    if count > most:
        message = f"The limit of {most} {what} per composite graph request is exceeded"
        raise SalesforceError("LIMIT_EXCEEDED", message)


def _kind(router: Router, request: ApiRequest, node: Subrequest) -> tuple[str, ...]:
    """Nodes differ by method, API version and type of object; what can't be matched is told when it runs."""
    try:
        match = router.match(as_request(request, node, node.url, None))
    except (SalesforceError, ValueError):
        return ()
    return node.method, match.request.version, match.request.params.get("sobject", "").lower()


def _depth(graph: _Graph) -> int:
    """The longest chain of nodes that refer to earlier ones."""
    depths: dict[str, int] = {}
    for node in graph.nodes:
        sources = reference_ids(node.url) | reference_ids(node.body)
        depths[node.reference_id] = 1 + max((depths.get(source, 0) for source in sources), default=0)
    return max(depths.values())


def _in_graph(match: Match) -> None:
    methods = _RESOURCES.get(match.route.pattern)
    if methods is None or match.request.method not in methods:
        message = f"{match.request.method} {match.route.pattern} can't be used in a composite graph request"
        raise SalesforceError("INVALID_INPUT", message)


ROUTES = (Route(pattern="composite/graph", methods={"POST": composite_graph}),)
