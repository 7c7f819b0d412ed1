"""Hypothesis strategies for SOQL over the schema of the surface tests.

Belongs here: `valid_queries`, which keep the rules of types and clauses, and `wild_queries`, which only look
like SOQL. Not here: what the emulator must answer (test_query_fuzz.py).
"""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines.emulator.schema.model import FieldSchema

SCHEMA = load_schema(Path(__file__).parent / "schema.yaml")
SOBJECTS = sorted(SCHEMA.objects)
_LITERALS = {
    **dict.fromkeys(("int", "double", "currency", "percent"), ("5", "0", "-12", "null")),
    **dict.fromkeys(("id", "reference"), ("'001000000000001'", "'001000000000001AAA'", "null")),
    "boolean": ("true", "FALSE", "null"),
    "date": ("2026-02-28", "TODAY", "last_n_days:3", "NEXT_N_FISCAL_QUARTERS:9999", "THIS_WEEK", "null"),
    "datetime": ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+01:00", "N_MONTHS_AGO:2", "null"),
}
_TEXTS = ("'a'", r"'\u00e9\n\''", "''", "'5'", "'Ö%_'", "null")
_DATE_PARTS = ("CALENDAR_YEAR", "FISCAL_QUARTER", "DAY_IN_WEEK", "WEEK_IN_YEAR", "WEEK_IN_MONTH")
_NUMBERS = ("int", "double", "currency", "percent")
_ORDERED = (*_NUMBERS, "date", "datetime", "string", "picklist", "email", "phone")


def _fields(sobject: str) -> list[FieldSchema]:
    return [field for field in SCHEMA.object(sobject).fields if field.filterable and not field.is_compound]


@st.composite
def _field(draw: st.DrawFn, sobject: str, *, parents: int = 2) -> tuple[str, FieldSchema]:
    """A dotted path and its field; through references to one modelled object only."""
    references = [
        field
        for field in SCHEMA.object(sobject).fields
        if field.relationship_name and len(field.reference_to) == 1 and SCHEMA.find(field.reference_to[0])
    ]
    if parents and references and draw(st.integers(0, 3)) == 0:
        reference = draw(st.sampled_from(references))
        path, field = draw(_field(reference.reference_to[0], parents=parents - 1))
        return f"{reference.relationship_name}.{path}", field
    field = draw(st.sampled_from(_fields(sobject)))
    return field.name, field


@st.composite
def _comparison(draw: st.DrawFn, sobject: str) -> str:
    path, field = draw(_field(sobject))
    literals = _LITERALS.get(field.type, _TEXTS)
    if field.type in ("date", "datetime") and draw(st.booleans()):
        return f"{draw(st.sampled_from(_DATE_PARTS))}({path}) {draw(st.sampled_from(['=', '>=', '!=']))} 4"
    words = ["IN", "NOT IN"] if field.type != "multipicklist" else ["INCLUDES", "EXCLUDES"]
    if field.type == "multipicklist" or draw(st.booleans()):
        chosen = [one for one in literals if one != "null"]
        listed = ", ".join(draw(st.lists(st.sampled_from(chosen), min_size=1, max_size=3)))
        return f"{path} {draw(st.sampled_from(words))} ({listed})"
    operators = ["=", "!=", "<>"]
    operators += [] if field.type == "boolean" else ["<", "<=", ">", ">="]
    operators += ["LIKE"] if field.is_text else []
    return f"{path} {draw(st.sampled_from(operators))} {draw(st.sampled_from(literals))}"


@st.composite
def _condition(draw: st.DrawFn, sobject: str, depth: int = 2) -> str:
    if not depth or draw(st.booleans()):
        return draw(_comparison(sobject))
    form = draw(st.sampled_from(["({} AND {})", "({} OR {})", "(NOT {})", "(toLabel(Id) != null AND {})"]))
    return form.format(*(draw(_condition(sobject, depth - 1)) for _ in range(2)))


@st.composite
def _where(draw: st.DrawFn, sobject: str) -> str:
    parts = [draw(_condition(sobject))] if draw(st.booleans()) else []
    if sobject == "Account" and draw(st.integers(0, 3)) == 0:
        word = draw(st.sampled_from(["IN", "NOT IN"]))
        parts.append(f"Id {word} (SELECT AccountId FROM Contact WHERE {draw(_condition('Contact'))})")
    return f" WHERE {' AND '.join(parts)}" if parts else ""


@st.composite
def _record_query(draw: st.DrawFn, sobject: str, source: str, depth: int) -> str:
    items = draw(st.lists(_field(sobject), min_size=1, max_size=4, unique_by=lambda pair: pair[0]))
    selected = [path for path, _ in items]
    if depth and draw(st.booleans()):
        children = [one for one in SCHEMA.children(sobject) if one.field.child_relationship_name]
        if children:
            child = draw(st.sampled_from(children))
            name = child.field.child_relationship_name or ""
            selected.append(f"({draw(_record_query(child.child, name, depth - 1))})")
    if sobject == "Lead" and draw(st.booleans()):
        selected.append("TYPEOF Owner WHEN User THEN Username, Email ELSE Name END")
    order = [path for path, field in items if field.sortable]
    text = f"SELECT {', '.join(selected)} FROM {source}{draw(_where(sobject))}"
    if order and draw(st.booleans()):
        way = st.sampled_from(["", " DESC", " ASC NULLS LAST"])
        ways = draw(st.lists(way, min_size=1, max_size=len(order)))
        text += " ORDER BY " + ", ".join(path + way for path, way in zip(order, ways, strict=False))
    return text + draw(st.sampled_from(["", " LIMIT 5", " LIMIT 5 OFFSET 1", " OFFSET 2"]))


@st.composite
def _aggregate_query(draw: st.DrawFn, sobject: str) -> str:
    groupable = [field.name for field in _fields(sobject) if field.groupable]
    groups = draw(st.lists(st.sampled_from(groupable), max_size=3, unique=True))
    ordered = [one.name for one in _fields(sobject) if one.type in _ORDERED and one.name not in groups]
    names = draw(st.lists(st.sampled_from(ordered), min_size=1, max_size=3, unique=True))
    calls = [f"{draw(st.sampled_from(['MIN', 'MAX', 'COUNT', 'COUNT_DISTINCT']))}({name})" for name in names]
    parts = [f"{call} alias{at}" if draw(st.booleans()) else call for at, call in enumerate(calls)]
    text = f"SELECT {', '.join([*groups, *parts])} FROM {sobject}{draw(_where(sobject))}"
    if groups:
        form = draw(st.sampled_from(["{}", "ROLLUP({})", "CUBE({})"]))
        having = ["", f" HAVING COUNT({ordered[0]}) >= 0", f" HAVING {groups[0]} != null"]
        text += f" GROUP BY {form.format(', '.join(groups))}{draw(st.sampled_from(having))}"
    order = draw(st.sampled_from(["", calls[0], *(["alias0 DESC"] if " alias0" in parts[0] else [])]))
    text += f" ORDER BY {order}" if order else ""
    return text + (draw(st.sampled_from(["", " LIMIT 3"])) if groups else "")


@st.composite
def valid_queries(draw: st.DrawFn) -> str:
    """A query that the org must answer."""
    sobject = draw(st.sampled_from(SOBJECTS))
    if draw(st.integers(0, 2)) == 0:
        return draw(_aggregate_query(sobject))
    tail = draw(st.sampled_from(["", " FOR VIEW", " FOR UPDATE", " ALL ROWS"]))
    return draw(_record_query(sobject, sobject, 2)) + tail


_PIECES = st.sampled_from(
    ["SELECT", "FROM", "WHERE", "Id", "Name", "Owner.Name", "Account", "Contacts", "(", ")", ",", "=", "IN",
     "NOT", "AND", "OR", "LIKE", "'a'", "'", "5", "1e999", "null", "TODAY", "2026-02-31", "GROUP BY",
     "ROLLUP(", "HAVING", "COUNT()", "COUNT(Id)", "SUM(", "FIELDS(ALL)", "TYPEOF", "WHEN", "THEN", "END",
     "ORDER BY", "NULLS LAST", "LIMIT", "OFFSET", "99999999999999999999", "USING SCOPE", "WITH", "FOR",
     "ALL ROWS", "\\", "\u0000", ":x", "ö", "FORMAT(", "DISTANCE(", "BillingAddress", "Description",
     "INCLUDES", "N_DAYS_AGO:9999"]
)  # fmt: skip


@st.composite
def wild_queries(draw: st.DrawFn) -> str:
    """A valid query in which a few words were replaced, dropped or put in."""
    words = draw(valid_queries()).split(" ")
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(words) - 1))
        words[at : at + draw(st.integers(0, 1))] = draw(st.lists(_PIECES, max_size=2))
        words = words or ["SELECT"]
    return " ".join(words)
