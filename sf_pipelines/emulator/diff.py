"""What changed in the org between two dumps.

Belongs here: comparing rows. Not here: reading them (dump.py). Imports dump.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sf_pipelines.emulator.dump import DumpedRow

_Key = tuple[str, str]
Diff = dict[str, dict[str, list[Any]]]
"""By object: `created` rows, `updated` ids with the fields that changed, `deleted` ids."""


def diff_rows(before: Iterable[DumpedRow], after: Iterable[DumpedRow]) -> Diff:
    """Compare two dumps, each in the order of `dump_rows`. Rows in the recycle bin count as deleted."""
    found: Diff = {}
    for old, new in _pairs(iter(before), iter(after)):
        was_live, is_live = _is_live(old), _is_live(new)
        if new is not None and is_live and not was_live:
            _of(found, new)["created"].append(new)
        elif old is not None and was_live and not is_live:
            _of(found, old)["deleted"].append(old["Id"])
        elif old is not None and new is not None and is_live and old != new:
            _of(found, new)["updated"].append(_change(old, new))
    return found


def _change(old: DumpedRow, new: DumpedRow) -> dict[str, Any]:
    names = [name for name in new if old.get(name) != new[name]]
    before, after = ({name: row.get(name) for name in names} for row in (old, new))
    return {"Id": new["Id"], "before": before, "after": after}


def _of(found: Diff, row: DumpedRow) -> dict[str, list[Any]]:
    return found.setdefault(row["sobject"], {"created": [], "updated": [], "deleted": []})


def _is_live(row: DumpedRow | None) -> bool:
    return row is not None and not row.get("IsDeleted")


def _pairs(
    before: Iterator[DumpedRow], after: Iterator[DumpedRow]
) -> Iterator[tuple[DumpedRow | None, DumpedRow | None]]:
    old, new = next(before, None), next(after, None)
    while old is not None or new is not None:
        if new is None or (old is not None and _key(old) < _key(new)):
            yield old, None
            old = next(before, None)
        elif old is None or _key(new) < _key(old):
            yield None, new
            new = next(after, None)
        else:
            yield old, new
            old, new = next(before, None), next(after, None)


def _key(row: DumpedRow) -> _Key:
    return row["sobject"], row["Id"]
