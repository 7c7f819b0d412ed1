"""`/composite/tree/X`: up to 200 new records, children nested below their parents, all or nothing.

Belongs here: running the tree and its two answers. Not here: reading and checking it (tree_nodes.py), DML
(org). Imports messages, router, surface, tree_nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.http.tree_nodes import DUPLICATE_REFERENCE, TreeNode, duplicates, read_tree
from sf_pipelines.emulator.results import RowResult
from sf_pipelines.emulator.store import Transaction


def create_tree(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`POST B/composite/tree/X`: 201 with every id, or 400 with the failed records only."""
    root = surface.org.schema.object(request.params["sobject"])
    nodes = read_tree(surface.org.schema, root, request.json_object())
    doubled = duplicates(nodes)
    if doubled:
        return _refused([_failure(node.reference_id, DUPLICATE_REFERENCE) for node in doubled])

    def work(transaction: Transaction) -> list[dict[str, Any]]:
        failures = _create(surface, request, nodes)
        if failures:
            transaction.rollback()
        return failures

    failures = surface.org.transact(work)
    if failures:
        return _refused(failures)
    results = [{"referenceId": node.reference_id, "id": node.id} for node in nodes]
    return ApiResponse(status=201, json={"hasErrors": False, "results": results})


def _create(surface: Surface, request: ApiRequest, nodes: Sequence[TreeNode]) -> list[dict[str, Any]]:
    """Create level by level; the failures of the first level that has any."""
    for _, level in groupby(nodes, key=lambda node: node.level):
        failures: list[dict[str, Any]] = []
        for sobject, group in groupby(level, key=lambda node: node.sobject.name):
            members = list(group)
            records = [node.with_parent() for node in members]
            results = surface.org.create(
                sobject, records, user_id=request.session.user_id, duplicates=request.duplicates
            )
            failures.extend(_settle(members, results))
        if failures:
            return failures
    return []


def _settle(nodes: Sequence[TreeNode], results: Sequence[RowResult]) -> list[dict[str, Any]]:
    failures: list[dict[str, Any]] = []
    for node, result in zip(nodes, results, strict=True):
        node.id = result.id
        if not result.success:
            errors = [error.as_row_error() for error in result.errors]
            failures.append({"referenceId": node.reference_id, "errors": errors})
    return failures


def _failure(reference_id: str, error: dict[str, Any]) -> dict[str, Any]:
    return {"referenceId": reference_id, "errors": [error]}


def _refused(results: list[dict[str, Any]]) -> ApiResponse:
    return ApiResponse(status=400, json={"hasErrors": True, "results": results})


ROUTES = (Route(pattern="composite/tree/{sobject}", methods={"POST": create_tree}),)
