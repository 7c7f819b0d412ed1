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
    Ordering,
    Path,
    Place,
    Query,
    Unsupported,
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
_REFUSED_CLAUSES = {"group": "GROUP BY"}


def build_query(tree: Node, soql: str) -> Query:
    """The query node of a parse tree whose root is `query`."""
    return _Builder(soql).query(tree)


class _Builder:
    def __init__(self, soql: str) -> None:
        self._soql = soql
        self._unsupported: list[Unsupported] = []

    def query(self, tree: Node) -> Query:
        clauses = {str(child.data): child for child in _trees(tree) if child.children}
        items = tuple(item for child in _trees(tree) for item in self._select_item(child))
        source = _tokens(clauses["source"], "NAME")
        for name, what in _REFUSED_CLAUSES.items():
            if name in clauses:
                self._refuse(what, _place(clauses[name]))
        return Query(
            items=items,
            sobject=str(source[0]),
            sobject_place=_place(source[0]),
            alias=str(source[1]) if len(source) > 1 else None,
            where=self._condition(_trees_of(clauses["where"])[0]) if "where" in clauses else None,
            order=tuple(self._ordering(item) for item in _trees(clauses["order"]))
            if "order" in clauses
            else (),
            limit=self._count(clauses.get("limit")),
            offset=self._count(clauses.get("offset")),
            all_rows="all_rows" in clauses,
            unsupported=tuple(self._unsupported),
        )

    def _refuse(self, what: str, place: Place) -> None:
        self._unsupported.append(Unsupported(what=what, place=place))

    def _select_item(self, tree: Node) -> Iterator[Path | Function]:
        if tree.data == "plain_item":
            yield _path(_trees_of(tree)[0])
        elif tree.data == "function_item":
            yield _function(_trees_of(tree)[0])
        elif tree.data == "aliased_item":
            alias = _tokens(tree, "NAME")[0]
            raise errors.malformed(self._soql, _place(alias), "only aggregate expressions use field aliasing")
        elif tree.data == "subquery_item":
            self._refuse("Parent-to-child subqueries", _place(tree))
        elif tree.data == "typeof_item":
            self._refuse("TYPEOF", _place(tree))

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
        if right.data == "semi_join":
            self._refuse("Semi-joins", _place(right))
            values: tuple[Value, ...] = ()
        elif right.data == "value_list":
            values = tuple(_value(child) for child in _trees(right))
        else:
            values = (_value(right),)
        return Comparison(
            operand=self._operand(operand), operator="!=" if operator == "<>" else operator, values=values
        )

    def _operand(self, tree: Node) -> Path:
        if tree.data == "path":
            return _path(tree)
        function = _function(tree)
        self._refuse(f"The function {function.name}() in WHERE and ORDER BY", function.place)
        return Path(parts=("Id",), place=function.place)

    def _ordering(self, tree: Node) -> Ordering:
        words = {token.type for child in _trees(tree) for token in child.children if isinstance(token, Token)}
        return Ordering(
            path=self._operand(_trees_of(tree)[0]), descending="DESC" in words, nulls_last="LAST" in words
        )

    def _count(self, tree: Node | None) -> int | None:
        if tree is None:
            return None
        token = _tokens(tree, "NUMBER")[0]
        if not token.isdecimal() or len(token) > _MAX_COUNT_DIGITS:
            raise errors.unexpected_token(self._soql, _place(token), str(token))
        return int(token)


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
