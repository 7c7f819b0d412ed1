"""WHERE against a second, naive reading of Salesforce's rules: two-valued logic, text without case."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines_tests.emulator.core.helpers import names

Record = Mapping[str, Any]
RECORDS: list[dict[str, Any]] = [
    {"Name": f"r{number:02d}", "Site": site, "NumberOfEmployees": employees, "AnnualRevenue": revenue}
    for number, (site, employees, revenue) in enumerate(
        (site, employees, revenue)
        for site in (None, "a", "B", "ab_c", "Ab%d", "Öl")
        for employees, revenue in ((None, 1.0), (0, None), (3, -2.0), (7, 30.0))
    )
]
COMPARATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Clause:
    """A condition as SOQL, and as Salesforce's rules read by hand."""

    soql: str
    holds: Callable[[Record], bool]


def folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def literal(value: Any) -> str:
    if value is None:
        return "null"
    return f"'{value}'" if isinstance(value, str) else str(value)


def one_of(field: str, values: list[Any], *, negated: bool) -> Clause:
    listed = ", ".join(map(literal, values))
    wanted = [folded(value) for value in values]
    return Clause(
        f"{field} {'NOT IN' if negated else 'IN'} ({listed})",
        lambda record: (folded(record[field]) in wanted) != negated,
    )


def equal(field: str, value: Any, *, negated: bool) -> Clause:
    return Clause(
        f"{field} {'!=' if negated else '='} {literal(value)}",
        lambda record: (folded(record[field]) == folded(value)) != negated,
    )


def ordered(field: str, comparator: str, value: Any) -> Clause:
    def holds(record: Record) -> bool:
        stored = folded(record[field])
        return stored is not None and COMPARATORS[comparator](stored, folded(value))

    return Clause(f"{field} {comparator} {literal(value)}", holds)


def like(parts: list[str]) -> Clause:
    meaning = {"%": ".*", "_": ".", "\\%": "%", "\\_": "_"}
    pattern = "".join(meaning.get(part, part) for part in parts)
    return Clause(
        f"Site LIKE '{''.join(parts)}'",
        lambda record: (
            record["Site"] is not None
            and re.fullmatch(pattern, record["Site"], re.IGNORECASE | re.DOTALL) is not None
        ),
    )


def negation(part: Clause) -> Clause:
    return Clause(f"(NOT {part.soql})", lambda record: not part.holds(record))


def combination(joiner: str, parts: list[Clause]) -> Clause:
    every = all if joiner == "AND" else any
    soql = "(" + f" {joiner} ".join(part.soql for part in parts) + ")"
    return Clause(soql, lambda record: every(part.holds(record) for part in parts))


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "Site": st.sampled_from(["a", "A", "b", "AB_C", "zz", "öL", None]),
    "NumberOfEmployees": st.sampled_from([0, 3, 5, 7, None]),
    "AnnualRevenue": st.sampled_from([-2.0, 1, 30.5, None]),
}
FIELDS = st.sampled_from(list(VALUES))


@st.composite
def comparisons(draw: st.DrawFn) -> Clause:
    field = draw(FIELDS)
    kind = draw(st.sampled_from(["equal", "in", "ordered"]))
    if kind == "equal":
        return equal(field, draw(VALUES[field]), negated=draw(st.booleans()))
    if kind == "in":
        listed = draw(st.lists(VALUES[field], min_size=1, max_size=3))
        return one_of(field, listed, negated=draw(st.booleans()))
    value = draw(VALUES[field].filter(lambda one: one is not None and str(one).isascii()))
    return ordered(field, draw(st.sampled_from(list(COMPARATORS))), value)


PATTERNS = st.lists(st.sampled_from(["a", "B", "c", "%", "_", "\\%", "\\_", "ö"]), min_size=1, max_size=5)
CLAUSES = st.recursive(
    st.one_of(comparisons(), PATTERNS.map(like)),
    lambda inner: st.one_of(
        inner.map(negation),
        st.builds(combination, st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def filled_org() -> Org:
    org = Org(schema=load_schema(), clock=Clock(frozen=True))
    assert all(result.success for result in org.create("Account", RECORDS))
    return org


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(clause=CLAUSES)
def test_a_where_tree_keeps_what_the_rules_keep(filled_org: Org, clause: Clause) -> None:
    expected = [record["Name"] for record in RECORDS if clause.holds(record)]
    assert names(filled_org, clause.soql) == expected
