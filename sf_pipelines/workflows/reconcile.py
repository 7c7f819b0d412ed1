"""What became of rows whose answer was lost, by asking the org: which of them does it hold now?

Only inserts need this: a repeated insert makes a second record. Asked are records of this user, created
since the run began to send. Where the org keeps the key unique the key decides; else the whole row does, and
of equal rows as many are taken for written as the org holds beyond those that are accounted for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pyarrow as pa

from sf_pipelines.config.limits import SOQL_MAX_CHARACTERS
from sf_pipelines.lake.json_rows import SET_NULL
from sf_pipelines.lake.row_hashes import canonical_number
from sf_pipelines.ledger.load_queries import chunks_of_run
from sf_pipelines.ledger.queries import failed_values
from sf_pipelines.workflows.rows import row_values
from sf_pipelines.workflows.soql import api_name, number_literal, text_literal
from sf_pipelines.workflows.work import LoadWork

KEYS_PER_QUERY = 200
"""Keys in one SOQL statement: far below its 100,000 characters for keys of any sane length."""

Canonical = tuple[str | None, ...]


def find_written(work: LoadWork, batch: pa.RecordBatch) -> list[bool]:
    """For each row of a batch that was sent, whether the org holds it."""
    if work.has_unique_key:
        keys: list[Canonical] = [(key,) for key in _keys(work, batch)]
        held = _held_by_key(work, batch)
    else:
        names = _compared(work, batch)
        keys = [_of_row(work, row_values(batch, index), names) for index in range(batch.num_rows)]
        held = _held_by_row(work, keys, names)
    found: list[bool] = []
    for key in keys:
        found.append(held[key] > 0)
        held[key] -= found[-1]
    return found


def wait_until_settled(work: LoadWork, sent_at: datetime | None) -> None:
    """Wait until a write whose answer was lost is old enough that the org has ended it.

    Args:
        sent_at: our clock when it was sent, None where that was long ago.
    """
    if sent_at is None:
        return
    age_seconds = (work.tools.clock() - sent_at).total_seconds()
    left_seconds = work.tools.unknown_settle_seconds - age_seconds
    if left_seconds > 0:
        work.tools.sleep(left_seconds)


def _held_by_key(work: LoadWork, batch: pa.RecordBatch) -> Counter[Canonical]:
    held: Counter[Canonical] = Counter()
    literal = number_literal if work.sync.key in work.numbers else text_literal
    keys = {literal(key) for key in _keys(work, batch) if key is not None}
    for group in _groups(sorted(key for key in keys if key is not None)):
        condition = f"{api_name(work.sync.key)} IN ({', '.join(group)})"
        for record in _created(work, (work.sync.key,), condition):
            held[(_of_org(work, work.sync.key, record),)] += 1
    return held


def _compared(work: LoadWork, batch: pa.RecordBatch) -> tuple[str, ...]:
    """Fields by which whole rows are compared: not those that the org fills where they are empty."""

    def is_filled(name: str) -> bool:
        field = work.describe.field(name)
        may_default = field is not None and (field.defaulted_on_create or field.type.lower() == "boolean")
        return not may_default or batch.column(name).null_count == 0

    return tuple(name for name in work.sync.field_names if is_filled(name))


def _held_by_row(work: LoadWork, rows: Iterable[Canonical], names: tuple[str, ...]) -> Counter[Canonical]:
    wanted = set(rows)
    held: Counter[Canonical] = Counter()
    for record in _created(work, names, None):
        held[tuple(_of_org(work, name, record) for name in names)] += 1
    accounted = Counter(row for row in _accounted_rows(work, names) if row in wanted)
    return Counter({row: held[row] - accounted[row] for row in wanted})


def _accounted_rows(work: LoadWork, names: tuple[str, ...]) -> Iterator[Canonical]:
    """Rows of this run that the org is known to have taken: sent in a counted chunk, and not failed."""
    for state in chunks_of_run(work.tools.engine, work.run_id):
        if not state.has_outcome or state.plan.rail == "none":
            continue
        failed = Counter(
            _of_row(work, values, names)
            for values in failed_values(work.tools.engine, work.run_id, state.plan.chunk)
        )
        for batch in work.chunk(state.plan).batches():
            for index in range(batch.num_rows):
                row = _of_row(work, row_values(batch, index), names)
                if failed[row] > 0:
                    failed[row] -= 1
                else:
                    yield row


def _created(work: LoadWork, fields: Sequence[str], condition: str | None) -> Iterator[dict[str, Any]]:
    conditions = [f"CreatedDate >= {work.org_started_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"]
    user_id = work.tools.client.org.user_id()
    if user_id is not None:
        conditions.append(f"CreatedById = {text_literal(user_id)}")
    if condition is not None:
        conditions.append(condition)
    names = ", ".join(map(api_name, fields))
    soql = f"SELECT {names} FROM {api_name(work.sync.sobject)} WHERE {' AND '.join(conditions)}"
    for page in work.tools.client.rest.query(soql):
        yield from page.records


def _groups(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    longest = max((len(key) for key in keys), default=0) + 8
    size = max(1, min(KEYS_PER_QUERY, SOQL_MAX_CHARACTERS // 2 // longest))
    return (keys[start : start + size] for start in range(0, len(keys), size))


def _keys(work: LoadWork, batch: pa.RecordBatch) -> list[str | None]:
    return [_canonical(work, work.sync.key, text) for text in batch.column(work.sync.key).to_pylist()]


def _of_row(work: LoadWork, values: Mapping[str, str | None], names: tuple[str, ...]) -> Canonical:
    return tuple(_canonical(work, name, values.get(name)) for name in names)


def _of_org(work: LoadWork, name: str, record: Mapping[str, Any]) -> str | None:
    value: Any = record
    for part in name.split("."):
        value = cast("Mapping[str, Any]", value).get(part.rpartition(":")[2]) if value else None
    if value is None or isinstance(value, str):
        return _canonical(work, name, value)
    return _canonical(work, name, str(value).lower() if isinstance(value, bool) else repr(value))


def _canonical(work: LoadWork, name: str, text: str | None) -> str | None:
    """One spelling of a value as the org keeps it: trimmed, and none where it is empty."""
    if text is None or text == SET_NULL or not text.strip():
        return None
    if name in work.numbers:
        return canonical_number(text.strip())
    field = work.describe.field(name)
    kind = field.type.lower() if field else "string"
    if kind == "datetime":
        return _moment(text.strip())
    return text.strip().lower() if kind == "boolean" else text.strip()


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment.astimezone(UTC).isoformat(timespec="milliseconds") if moment.tzinfo else text
