"""Declared movements of records: what a user writes down, before anything about how it will travel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from decimal import Decimal
from enum import StrEnum

from sf_pipelines.model.rail import Criticality, LatencyClass, Operation


class SourceKind(StrEnum):
    """Where the rows of a load come from."""

    SQL = "sql"
    TABLE = "table"
    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Rows of a load: a query or a table of the warehouse, or a file.

    Attributes:
        kind: what `location` means.
        location: SQL text, `schema.table`, or the path of a file.
        encoding: of a CSV file, by the name that Python gives it; a byte order mark is not part of the text.
        is_guarded: whether it is an export of ours, in which formulas are marked; see `lake.formula_guard`.
    """

    kind: SourceKind
    location: str
    encoding: str = "utf-8"
    is_guarded: bool = False


class LoadScope(StrEnum):
    """Rows of its source that a run of a load sends: all, those that failed, or those worth a retry."""

    ALL = "all"
    FAILED = "failed"
    RETRYABLE = "retryable"


class EmptyValue(StrEnum):
    """What an empty value of the source means to the org."""

    UNCHANGED = "unchanged"
    SET_NULL = "set_null"


class FieldType(StrEnum):
    """What a source column holds, in words of the source; which fields take it, `workflows.checks` knows."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    ID = "id"


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldMapping:
    """One Salesforce field filled from one source column.

    Attributes:
        field: API name, or a parent by its external id, `Account.External_Id__c`.
        column: column of the source.
        values: source value to Salesforce value; a value that is not named passes unchanged.
        empty: whether an empty value leaves the field as it is, or empties it.
        is_sensitive: whether its values go to the org and nowhere else: no ledger, log or page shows them.
        type: what the column holds, None where the declaration does not say; held against the org's field.
    """

    field: str
    column: str
    values: Mapping[str, str] = dataclass_field(default_factory=dict[str, str])
    empty: EmptyValue = EmptyValue.UNCHANGED
    is_sensitive: bool = False
    type: FieldType | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tolerance:
    """How many rejected rows a load may have and still be green: the larger of its two bounds."""

    rows: int = 0
    share: float = 0.0

    def bound(self, submitted: int) -> int:
        """The most rejected rows that are acceptable among this many submitted ones."""
        # the share as it was written: in binary, 0.29 of 100 rows is less than 29
        return max(self.rows, int(Decimal(repr(self.share)) * submitted))

    def allows(self, *, rejected: int, submitted: int) -> bool:
        """Whether this many rejected rows of this many submitted ones are acceptable."""
        return rejected <= self.bound(submitted)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadSync:
    """A declared load from the warehouse into one sObject.

    Attributes:
        name: unique, used in the ledger and as run tag; by default `<object>_load`.
        key: the Salesforce field that identifies a row: external id for upsert, `Id` for update and
            delete, a natural unique column for insert. It must be one of `fields`.
        only_changed: whether rows are left out that the org last accepted as they are.
    """

    name: str
    sobject: str
    operation: Operation
    key: str
    source: Source
    fields: tuple[FieldMapping, ...]
    tolerance: Tolerance = Tolerance()
    latency_class: LatencyClass = LatencyClass.BATCH
    criticality: Criticality = Criticality.NORMAL
    only_changed: bool = False

    @property
    def field_names(self) -> tuple[str, ...]:
        """Salesforce fields in the declared order, the columns of every chunk."""
        return tuple(mapping.field for mapping in self.fields)

    @property
    def sensitive_fields(self) -> frozenset[str]:
        """Salesforce fields whose values are kept from everything but the org."""
        return frozenset(mapping.field for mapping in self.fields if mapping.is_sensitive)

    @property
    def key_column(self) -> str:
        """The source column that fills the key field."""
        return next(mapping.column for mapping in self.fields if mapping.field == self.key)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractSync:
    """A declared extract of one sObject into the lake and `raw.<object>`.

    Attributes:
        fields: API names to read; empty means every field of the object that both rails can carry.
    """

    name: str
    sobject: str
    fields: tuple[str, ...] = ()
    latency_class: LatencyClass = LatencyClass.BATCH
    criticality: Criticality = Criticality.NORMAL
