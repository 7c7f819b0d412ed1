"""The nouns of the rules that a schema file declares: triggers, validation and duplicate rules, filters.

Belongs here: frozen values. Not here: reading them (rule_keys.py, fields.py), asking them (dml/rules.py,
dml/duplicates.py, dml/references.py). Imports nothing of the emulator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RuleKind = Literal["trigger", "validation"]
Event = Literal["create", "update", "delete"]
# [R] what a look-up's filter says that has no text of its own.
UNMATCHED = "Value does not exist or does not match filter criteria."


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordRule:
    """A condition over one record as it would be stored; where it is true, the record is refused."""

    kind: RuleKind
    name: str
    condition: str
    """An SQL expression over the record's fields; `:today` and `:now` are the org's time."""
    message: str
    field: str | None = None
    """API name of the field that the message stands at; None is the top of the page."""
    is_active: bool = True
    events: frozenset[Event] = frozenset({"create", "update"})


@dataclass(frozen=True, slots=True)
class LookupFilter:
    """What a record must be to be named by a look-up; a write that names another one is refused."""

    condition: str
    """An SQL expression over the fields of the record that is named; `:today` and `:now` as in a rule."""
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DuplicateRule:
    """Records of one object whose fields all match, once normalised, are duplicates."""

    name: str
    fields: tuple[str, ...]
    action: Literal["block", "allow"]
    """`allow` warns: the record is refused unless the caller sends `allowSave=true`."""
    message: str = "Use one of these records?"
    is_active: bool = True

    @property
    def key_column(self) -> str:
        """The generated column that holds what must match."""
        return f"match${self.name}"
