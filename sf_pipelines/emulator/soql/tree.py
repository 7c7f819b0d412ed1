"""Lark's parse tree to the nodes of nodes.py.

Belongs here: shape only. Not here: names and types (compiler.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from lark import Token, Tree

from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.nodes import (
    Combination,
    Comparison,
    Condition,
    Function,
    Negation,
    Operand,
    Ordering,
    Path,
    Place,
    Query,
    Selected,
    SelectItem,
    Subquery,
    TypeBranch,
    TypeOf,
    Value,
    ValueKind,
)

Node = Tree[Token]
_VALUE_KINDS: dict[str, ValueKind] = {
    "string_value": "string",
    "number_value": "number",
    "date_value": "date",
    "datetime_value": "datetime",
    "true_value": "boolean",
    "false_value": "boolean",
    "null_value": "null",
    "named_value": "name",
}
_OPERATORS = {
    "is_in": "in",
    "not_in": "not in",
    "includes": "includes",
    "excludes": "excludes",
    "like": "like",
}
_MAX_COUNT_DIGITS = 10
_SELECT_ITEMS = frozenset({"plain_item", "aliased_item", "function_item", "subquery_item", "typeof_item"})
_SECURITY_MODES = frozenset({"SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"})


def build_query(tree: Node, soql: str) -> Query:
    """The query node of a parse tree whose root is `query`."""
    return _Builder(soql).query(tree)


class _Builder:
    def __init__(self, soql: str) -> None:
        self._soql = soql

    def query(self, tree: Node) -> Query:
        clauses = {str(child.data): child for child in _trees(tree) if child.children}
        source = clauses["source"]
        sobject = _path(_trees_of(source)[0])
        alias = _tokens(source, "NAME")
        self._check_security(clauses.get("security"))
        group = _trees_of(clauses["group"]) if "group" in clauses else []
        return Query(
            items=tuple(self._select_item(child) for child in _trees(tree) if child.data in _SELECT_ITEMS),
            sobject=sobject.text,
            sobject_place=sobject.place,
            alias=str(alias[0]) if alias else None,
            record_scope=str(_tokens(clauses["using"], "NAME")[0]) if "using" in clauses else None,
            where=self._clause_condition(clauses.get("where")),
            group=tuple(_operand(item) for item in group if item.data != "having"),
            having=self._clause_condition(next((item for item in group if item.data == "having"), None)),
            order=tuple(map(_ordering, _trees(clauses["order"]))) if "order" in clauses else (),
            limit=self._count(clauses.get("limit")),
            offset=self._count(clauses.get("offset")),
            all_rows="all_rows" in clauses,
        )

    def _select_item(self, tree: Node) -> SelectItem:
        inner = _trees_of(tree)[0]
        if tree.data == "subquery_item":
            return Subquery(query=self.query(inner), place=_place(inner))
        if tree.data == "typeof_item":
            return _type_of(inner)
        alias = next(iter(_tokens(tree, "NAME")), None)
        return Selected(
            operand=_operand(inner),
            alias=str(alias) if alias else None,
            alias_place=_place(alias) if alias else None,
        )

    def _check_security(self, tree: Node | None) -> None:
        name = _tokens(tree, "NAME")[0] if tree is not None else None
        if name is not None and name.upper() not in _SECURITY_MODES:
            raise errors.unexpected_token(self._soql, _place(name), str(name))

    def _clause_condition(self, tree: Node | None) -> Condition | None:
        parts = _trees_of(tree) if tree is not None else []
        return self._condition(parts[0]) if parts else None

    def _condition(self, tree: Node) -> Condition:
        if tree.data == "and_condition":
            return Combination(joiner="AND", parts=tuple(self._condition(part) for part in _trees(tree)))
        if tree.data == "or_condition":
            return Combination(joiner="OR", parts=tuple(self._condition(part) for part in _trees(tree)))
        if tree.data == "not_condition":
            return Negation(part=self._condition(_trees_of(tree)[0]))
        return self._comparison(tree)

    def _comparison(self, tree: Node) -> Comparison:
        operand, right = _trees_of(tree)[:2]
        operator = _OPERATORS.get(str(tree.data)) or str(_tokens(tree, "OPERATOR")[0])
        subquery = self.query(_trees_of(right)[0]) if right.data == "semi_join" else None
        if subquery is not None and operator not in ("in", "not in"):
            place = _place(right)
            raise errors.unexpected_token(self._soql, place, "SELECT")
        values = _trees_of(right) if right.data == "value_list" else [] if subquery else [right]
        return Comparison(
            operand=_operand(operand),
            operator="!=" if operator == "<>" else operator,
            values=tuple(map(_value, values)),
            subquery=subquery,
        )

    def _count(self, tree: Node | None) -> int | None:
        if tree is None:
            return None
        token = _tokens(tree, "NUMBER")[0]
        if not token.isdecimal() or len(token) > _MAX_COUNT_DIGITS:
            raise errors.unexpected_token(self._soql, _place(token), str(token))
        return int(token)


def _ordering(tree: Node) -> Ordering:
    words = {token.type for child in _trees(tree) for token in child.children if isinstance(token, Token)}
    return Ordering(
        operand=_operand(_trees_of(tree)[0]), descending="DESC" in words, nulls_last="LAST" in words
    )


def _type_of(tree: Node) -> TypeOf:
    reference = _tokens(tree, "NAME")[0]
    otherwise = [path for child in _trees(tree) if child.data == "type_else" for path in _trees(child)]
    return TypeOf(
        reference=str(reference),
        place=_place(reference),
        branches=tuple(_type_branch(child) for child in _trees(tree) if child.data == "type_branch"),
        otherwise=tuple(map(_path, otherwise)),
    )


def _type_branch(tree: Node) -> TypeBranch:
    sobject = _tokens(tree, "NAME")[0]
    return TypeBranch(sobject=str(sobject), place=_place(sobject), fields=tuple(map(_path, _trees(tree))))


def _operand(tree: Node) -> Operand:
    return _path(tree) if tree.data == "path" else _function(tree)


def _path(tree: Node) -> Path:
    names = _tokens(tree, "NAME")
    return Path(parts=tuple(str(name) for name in names), place=_place(names[0]))


def _function(tree: Node) -> Function:
    arguments: list[Path | Function | str] = []
    for child in _trees(tree):
        if child.data == "path":
            arguments.append(_path(child))
        elif child.data == "function":
            arguments.append(_function(child))
        else:
            arguments.append(str(child.children[0]))
    name = _tokens(tree, "NAME")[0]
    return Function(name=str(name), arguments=tuple(arguments), place=_place(name))


def _value(tree: Node) -> Value:
    token = cast("Token", tree.children[0])
    return Value(kind=_VALUE_KINDS[str(tree.data)], text=str(token), place=_place(token))


def _trees(tree: Node) -> Iterator[Node]:
    return (child for child in tree.children if isinstance(child, Tree))


def _trees_of(tree: Node) -> list[Node]:
    return list(_trees(tree))


def _tokens(tree: Node, kind: str) -> list[Token]:
    return [child for child in tree.children if isinstance(child, Token) and child.type == kind]


def _place(node: Node | Token) -> Place:
    token: Any = (
        node if isinstance(node, Token) else next(node.scan_values(lambda item: isinstance(item, Token)))
    )
    return Place(row=token.line, column=token.column)
