"""The YAML shape of a sync: typed blocks with descriptions, turned into model nouns.

Wrong YAML is refused here with file and line by Dagster's own loader. Nothing here does I/O.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import dagster as dg
from pydantic import ConfigDict, Field, model_validator

from sf_pipelines.model.rail import Criticality, LatencyClass
from sf_pipelines.model.sync import EmptyValue, FieldMapping, FieldType, Source, SourceKind, Tolerance


def _one_of(choice: Any) -> dg.Resolver:
    """Takes one of the words of a Literal; any other is told with the line where it stands.

    Dagster's own loader lets every text pass, since it could be a template.
    """
    words = get_args(choice)

    def resolve(context: dg.ResolutionContext, word: str | None) -> str | None:
        del context
        if word is not None and word not in words:
            raise ValueError(f"'{word}' is none of {', '.join(words)}")
        return word

    return dg.Resolver(resolve)


_Latency = Literal["interactive", "near_real_time", "batch"]
_Criticality = Literal["critical", "normal", "deferrable"]
_Operation = Literal["insert", "update", "upsert", "delete"]

LatencyName = Annotated[_Latency, _one_of(_Latency)]
CriticalityName = Annotated[_Criticality, _one_of(_Criticality)]
CriticalityChoice = Annotated[_Criticality | None, _one_of(_Criticality)]
"""None where it follows from what kind of sync it is."""
OperationName = Annotated[_Operation, _one_of(_Operation)]


class SourceBlock(dg.Model, dg.Resolvable):
    """Where rows come from: exactly one of sql, table, csv, parquet."""

    model_config = ConfigDict(extra="forbid")

    sql: str | None = Field(None, description="a SELECT statement on the warehouse")
    table: str | None = Field(None, description="a table of the warehouse, schema.table")
    csv: str | None = Field(None, description="path of a CSV file with a header")
    parquet: str | None = Field(None, description="path of a Parquet file")
    encoding: str = Field("utf-8", description="of the CSV file, e.g. utf-16 or windows-1252")

    @model_validator(mode="after")
    def _exactly_one(self) -> SourceBlock:
        given = [kind.value for kind in SourceKind if getattr(self, kind.value)]
        if len(given) != 1:
            raise ValueError(
                f"a source names exactly one of sql, table, csv, parquet; this one names {given}"
            )
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ValueError(f"'{self.encoding}' is no encoding that Python knows") from None
        return self

    def to_source(self) -> Source:
        """The model noun."""
        kind = next(kind for kind in SourceKind if getattr(self, kind.value))
        return Source(kind=kind, location=getattr(self, kind.value), encoding=self.encoding)


class FieldBlock(dg.Model):
    """One Salesforce field: the source column, and values to translate."""

    model_config = ConfigDict(extra="forbid")

    column: str = Field(description="column of the source")
    type: Literal["text", "number", "boolean", "date", "datetime", "time", "id"] | None = Field(
        None, description="what the column holds; held against the field's type in the org"
    )
    values: dict[str, str] = Field(
        default_factory=dict, description="source value to Salesforce value; others pass unchanged"
    )
    empty: Literal["unchanged", "set_null"] = Field(
        "unchanged", description="whether an empty value leaves the field as it is, or empties it"
    )
    sensitive: bool = Field(
        False, description="its values go to the org and nowhere else: no ledger, log or page shows them"
    )


class ScheduleBlock(dg.Model, dg.Resolvable):
    """When a load runs by itself, in place of the nightly job."""

    model_config = ConfigDict(extra="forbid")

    cron: str = Field(description="five fields, e.g. '0 * * * *' for every hour")
    timezone: str = Field("UTC", description="of the cron, e.g. Europe/Berlin")
    day: Literal["ended", "running"] = Field(
        "ended",
        description="the partition that it fills: the UTC day that has just ended, or the running one",
    )

    @model_validator(mode="after")
    def _can_be_read(self) -> ScheduleBlock:
        try:
            dg.ScheduleDefinition(
                name="read", job_name="read", cron_schedule=self.cron, execution_timezone=self.timezone
            )
        except dg.DagsterInvalidDefinitionError as error:
            raise ValueError(
                f"'{self.cron}' in the time zone {self.timezone} cannot be read: write five fields, e.g. "
                f"'0 1 * * *' for 01:00, and a zone such as Europe/Berlin ({error})"
            ) from None
        return self


class ToleranceBlock(dg.Model, dg.Resolvable):
    """How many rejected rows are acceptable: the larger of the two bounds."""

    model_config = ConfigDict(extra="forbid")

    rows: int = Field(0, description="rejected rows")
    share: float = Field(0.0, description="rejected rows as a share of the submitted, 0 to 1")

    @model_validator(mode="after")
    def _within_bounds(self) -> ToleranceBlock:
        if self.rows < 0 or not 0 <= self.share <= 1:
            raise ValueError("a tolerance has rows of 0 or more and a share from 0 to 1")
        return self

    def to_tolerance(self) -> Tolerance:
        """The model noun."""
        return Tolerance(rows=self.rows, share=self.share)


def key_among_fields(context: dg.ResolutionContext, model: Any) -> str:
    """The key of a load, refused with the place of its block where no field has its name."""
    key = context.resolve_value(model.key, as_type=str)
    if isinstance(model.fields, Mapping) and key not in model.fields:
        raise ValueError(key_is_missing(key, model.object))
    return key


def key_is_missing(key: str, sobject: str) -> str:
    """The sentence about a key that is not loaded itself."""
    return f"the key {key} of the {sobject} load is not among its fields: add it"


def to_mappings(fields: dict[str, str | FieldBlock]) -> tuple[FieldMapping, ...]:
    """Field mappings of a load: a plain text is the column."""
    return tuple(
        FieldMapping(field=name, column=block)
        if isinstance(block, str)
        else FieldMapping(
            field=name,
            column=block.column,
            values=block.values,
            empty=EmptyValue(block.empty),
            is_sensitive=block.sensitive,
            type=FieldType(block.type) if block.type else None,
        )
        for name, block in fields.items()
    )


def latency(name: LatencyName) -> LatencyClass:
    """The model noun of a latency class."""
    return LatencyClass(name)


def criticality(name: CriticalityName) -> Criticality:
    """The model noun of a criticality."""
    return Criticality(name)
