"""`dg scaffold defs`: writes the YAML block of a new load, ready to run, every line explained.

The block names only what a person must decide; what has a careful default stands there as a comment.
"""

from __future__ import annotations

import re
from string import Template

import dagster as dg
from pydantic import BaseModel, Field

_BLOCK = Template("""\
type: $type_name

attributes:
  # Name in the ledger, in run tags and on the command line.
  name: $name
  # API name of the sObject. Its asset is salesforce/$asset/load.
  object: $object
  # insert, update, upsert or delete. An upsert can be repeated without making doubles.
  operation: $operation
  # The field that identifies a row: an external id for upsert, Id for update and delete.
  key: $key
  # Where the rows are: exactly one of
  #   table: crm.contact                      a table of the warehouse
  #   sql: SELECT ... FROM ...                a query on it
  #   csv: /data/contacts.csv                 a file with a header; encoding: windows-1252 if it is not UTF-8
  #   parquet: /data/contacts.parquet
  source:
    $source
  # Salesforce field: source column. The longer form says more:
  #   Industry:
  #     column: sector
  #     type: text                            text, number, boolean, date, datetime, time or id
  #     values: {tech: Technology}            source value: Salesforce value; others pass unchanged
  #     empty: set_null                       an empty value empties the field; by default it leaves it
  #     sensitive: true                       its values go to the org, and into no ledger, log or page
  #   Account.External_Id__c: account_key     a parent, found by its external id
  fields:
$fields
  # Objects whose load comes first, such as parents:
  # after: [Account]
  # Assets that fill the source, such as a dbt model:
  # deps: [mart/account_usage]
  # A usage sync, salesforce/usage/<name>: hourly without a schedule of its own, deferrable by default.
  # usage: true
  # More rejected rows than the larger of both end red; by default none may be rejected.
  # tolerance: {rows: 0, share: 0.01}
  # Rows that the org last accepted as they are cost no call (upsert and update).
  # only_changed: true
  # A schedule of its own; without one the nightly job runs it.
  # schedule: {cron: "0 * * * *", timezone: UTC, day: running}
  # How soon it has to be done once it started: interactive, near_real_time or batch.
  latency_class: batch
  # Who yields when a quota gets short: critical, normal or deferrable.
  criticality: normal
  # owners: [person@example.com, "team:revops"]
""")


class LoadParams(BaseModel):
    """What `dg scaffold defs` asks for a load; every part can be changed in the file afterwards."""

    object: str = Field("Contact", description="API name of the sObject")
    operation: str = Field("upsert", description="insert, update, upsert or delete")
    key: str = Field("External_Id__c", description="field that identifies a row")
    source: str = Field("table", description="what the rows are in: table, sql, csv or parquet")
    location: str = Field("crm.contact", description="schema.table, SELECT statement, or path of the file")
    fields: str = Field(
        "External_Id__c=contact_key,LastName=last_name",
        description="Salesforce field=source column, several by commas",
    )


class LoadScaffolder(dg.Scaffolder[LoadParams]):
    """Writes `defs.yaml` of a SalesforceLoad."""

    @classmethod
    def get_scaffold_params(cls) -> type[LoadParams]:
        """The options of the command."""
        return LoadParams

    def scaffold(self, request: dg.ScaffoldRequest[LoadParams]) -> None:
        """One file, in the folder that Dagster has made.

        Raises:
            ValueError: another format than YAML is asked for, or the fields cannot be read.
        """
        if request.scaffold_format != "yaml":
            raise ValueError("A load is declared in YAML: leave out --format.")
        text = block_of(request.params, name=_name(request.target_path.name), type_name=request.type_name)
        path = request.target_path / "defs.yaml"
        if request.append:
            with request.target_path.open("a", encoding="utf-8") as file:
                file.write(f"---\n{text}")
        else:
            path.write_text(text, encoding="utf-8")


def block_of(params: LoadParams, *, name: str, type_name: str) -> str:
    """The text of the block.

    Raises:
        ValueError: a field is not written as field=column.
    """
    return _BLOCK.substitute(
        type_name=type_name,
        name=name,
        object=params.object,
        asset=params.object.lower(),
        operation=params.operation,
        key=params.key,
        source=f"{params.source}: {params.location}",
        fields="\n".join(f"    {field}: {column}" for field, column in _pairs(params.fields)),
    )


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = [tuple(part.strip() for part in pair.partition("=")[::2]) for pair in text.split(",")]
    if not all(field and column for field, column in pairs):
        raise ValueError(f"'{text}' does not name fields: write field=column, several by commas.")
    return [(field, column) for field, column in pairs]


def _name(folder: str) -> str:
    return re.sub(r"\W+", "_", folder).strip("_").lower() or "load"
