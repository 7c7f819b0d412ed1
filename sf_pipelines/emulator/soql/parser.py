"""SOQL text to a syntax tree, by the LALR grammar beside this file.

Belongs here: parsing and the errors of syntax. Not here: names and types (compiler.py).
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import resources
from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.nodes import Place, Query
from sf_pipelines.emulator.soql.tree import build_query

MAX_SOQL_CHARS = 100_000


@lru_cache(maxsize=256)
def parse(soql: str) -> Query:
    """The syntax tree of `soql`.

    Raises:
        SalesforceError: MALFORMED_QUERY with row, column and excerpt.
    """
    if len(soql) > MAX_SOQL_CHARS:
        message = f"SOQL statements cannot be longer than {MAX_SOQL_CHARS} characters."
        raise SalesforceError("MALFORMED_QUERY", message)
    return build_query(_parsed(soql), soql)


def _parsed(soql: str) -> Tree[Token]:
    try:
        return _lark().parse(soql)
    except UnexpectedToken as err:
        raise _unexpected_token(soql, err) from err
    except UnexpectedCharacters as err:
        raise _unexpected_character(soql, err) from err


@cache
def _lark() -> Lark:
    grammar = (
        resources.files(__package__ or "sf_pipelines.emulator.soql")
        .joinpath("grammar.lark")
        .read_text("utf-8")
    )
    return Lark(grammar, start="query", parser="lalr", lexer="contextual", maybe_placeholders=False)


def _unexpected_token(soql: str, err: UnexpectedToken) -> SalesforceError:
    token: Any = err.token
    if token.type == "$END":
        return errors.unexpected_token(soql, _end(soql), "<EOF>")
    return errors.unexpected_token(soql, Place(row=token.line, column=token.column), str(token))


def _unexpected_character(soql: str, err: UnexpectedCharacters) -> SalesforceError:
    place = Place(row=err.line, column=err.column)
    at = f"line {err.line}:{err.column}"
    rest = soql[err.pos_in_stream :]
    if rest.startswith("'"):
        return errors.malformed(soql, place, f"{at} mismatched character '<EOF>' expecting '''")
    word = rest.split(None, 1)[0]
    if word[0].isalnum() or word[0] in ".,()=<>!-+":
        return errors.unexpected_token(soql, place, word)
    return errors.malformed(soql, place, f"{at} no viable alternative at character '{word[0]}'")


def _end(soql: str) -> Place:
    lines = soql.split("\n")
    return Place(row=len(lines), column=len(lines[-1]) + 1)
