"""Reads the records of a `/composite/tree` request, level by level.

Belongs here: its caps and rules ([D] section 3.4, tree) and the refusals of a whole request. Not here:
creating records (tree.py). Imports errors, json_values, schema.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.json_values import read_object, read_objects
from sf_pipelines.emulator.schema.model import ChildRelationship, FieldSchema, ObjectSchema, OrgSchema

MAX_RECORDS, MAX_TYPES, MAX_LEVELS = 200, 5, 5
DUPLICATE_REFERENCE = SalesforceError(
    "INVALID_INPUT", "Duplicate ReferenceId provided in the request.", fields=()
).as_row_error()
_NO_REFERENCE = "Include a reference ID for each record in the request."


@dataclass(kw_only=True, slots=True, eq=False)
class TreeNode:
    """One record of the tree; `id` is known once it is created."""

    sobject: ObjectSchema
    reference_id: str
    fields: Mapping[str, Any]
    level: int
    parent: TreeNode | None
    link: FieldSchema | None
    """The reference field that points at the parent."""
    id: str | None = None

    def with_parent(self) -> dict[str, Any]:
        """The record to create, which names its parent by id."""
        if self.parent is None or self.link is None:
            return dict(self.fields)
        return {**self.fields, self.link.name: self.parent.id}


def read_tree(schema: OrgSchema, root: ObjectSchema, body: Mapping[str, Any]) -> list[TreeNode]:
    """All records, parents before children, each level whole before the next one.

    Raises:
        SalesforceError: 400, the request breaks a rule or a cap.
    """
    records = read_objects(body, "records")
    if not records:
        raise SalesforceError("REQUIRED_FIELD_MISSING", "At least 1 record is required")
    reader = _Reader(schema)
    level = [reader.read(record, root, parent=None, link=None, level=1) for record in records]
    nodes: list[TreeNode] = []
    while level:
        nodes.extend(node for node, _ in level)
        _cap(len(nodes), MAX_RECORDS, "records")
        _cap(len({node.sobject.name for node in nodes}), MAX_TYPES, "types of objects")
        level = [child for node, nested in level for child in reader.children(node, nested)]
        if level:
            _cap(level[0][0].level, MAX_LEVELS, "levels")
    return nodes


def duplicates(nodes: Sequence[TreeNode]) -> list[TreeNode]:
    """Every record whose reference id another one has too."""
    counts = Counter(node.reference_id for node in nodes)
    return [node for node in nodes if counts[node.reference_id] > 1]


_Nested = Mapping[str, Any]
"""What a record holds below the names of child relationships."""


class _Reader:
    def __init__(self, schema: OrgSchema) -> None:
        self._schema = schema

    def read(
        self,
        record: Mapping[str, Any],
        sobject: ObjectSchema,
        *,
        parent: TreeNode | None,
        link: FieldSchema | None,
        level: int,
    ) -> tuple[TreeNode, _Nested]:
        attributes = read_object("attributes", record.get("attributes") or {})
        reference_id = attributes.get("referenceId")
        if not isinstance(reference_id, str) or not reference_id:
            raise SalesforceError("INVALID_INPUT", _NO_REFERENCE)
        kind = attributes.get("type")
        if not isinstance(kind, str) or self._schema.object(kind, missing="INVALID_TYPE") is not sobject:
            message = f"The record {reference_id} must be of type {sobject.name}, not {kind}"
            raise SalesforceError("INVALID_INPUT", message)
        names = {child.field.child_relationship_name for child in self._schema.children(sobject.name)}
        nested = {name: value for name, value in record.items() if name in names}
        fields = {
            name: value for name, value in record.items() if name not in nested and name != "attributes"
        }
        node = TreeNode(
            sobject=sobject, reference_id=reference_id, fields=fields, level=level, parent=parent, link=link
        )
        return node, nested

    def children(self, node: TreeNode, nested: _Nested) -> list[tuple[TreeNode, _Nested]]:
        found: list[tuple[TreeNode, _Nested]] = []
        for name, value in nested.items():
            relationship = self._relationship(node.sobject, name)
            sobject = self._schema.object(relationship.child)
            found.extend(
                self.read(record, sobject, parent=node, link=relationship.field, level=node.level + 1)
                for record in read_objects(read_object(name, value), "records")
            )
        return found

    def _relationship(self, sobject: ObjectSchema, name: str) -> ChildRelationship:
        children = self._schema.children(sobject.name)
        return next(child for child in children if child.field.child_relationship_name == name)


def _cap(count: int, most: int, what: str) -> None:
    if count > most:
        message = f"The limit of {most} {what} per tree request is exceeded"
        raise SalesforceError("LIMIT_EXCEEDED", message)
