"""One YAML block is one sync: what it becomes, and what a wrong one is told, with file and line."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox

from sf_pipelines.components import SalesforceExtract, SalesforceLoad
from sf_pipelines.components.partitions import HOURS
from sf_pipelines.model.rail import Criticality, LatencyClass, Operation
from sf_pipelines.model.sync import ExtractSync, FieldMapping, LoadSync, Source, SourceKind, Tolerance
from sf_pipelines_tests.components.runs import asset_of

LOAD = """\
type: sf_pipelines.components.SalesforceLoad

attributes:
  object: Account
  operation: upsert
  key: External_Id__c
  source:
    table: crm.account
  fields:
    External_Id__c: account_key
    Name: name
"""
EXTRACT = """\
type: sf_pipelines.components.SalesforceExtract

attributes:
  object: Account
"""


def loaded(yaml: str) -> dg.Component:
    """The component of a defs.yaml, by Dagster's own loader."""
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.defs_folder_path / "sync"
        folder.mkdir()
        (folder / "defs.yaml").write_text(yaml)
        with sandbox.build_component_tree() as tree:
            return tree.load_component(folder)


def load_sync(yaml: str) -> LoadSync:
    component = loaded(yaml)
    assert isinstance(component, SalesforceLoad)
    return component.to_sync()


def extract_sync(yaml: str) -> ExtractSync:
    component = loaded(yaml)
    assert isinstance(component, SalesforceExtract)
    return component.to_sync()


def refusal_of(yaml: str) -> str:
    """All that Dagster tells about a wrong defs.yaml."""
    with pytest.raises(Exception, match="Error while loading component") as caught:
        loaded(yaml)
    return f"{caught.value}\n{caught.value.__cause__}"


def test_the_shortest_load_has_careful_defaults() -> None:
    assert load_sync(LOAD) == LoadSync(
        name="account_load",
        sobject="Account",
        operation=Operation.UPSERT,
        key="External_Id__c",
        source=Source(kind=SourceKind.TABLE, location="crm.account"),
        fields=(
            FieldMapping(field="External_Id__c", column="account_key"),
            FieldMapping(field="Name", column="name"),
        ),
        tolerance=Tolerance(rows=0, share=0.0),
        latency_class=LatencyClass.BATCH,
        criticality=Criticality.NORMAL,
    )


def test_everything_that_a_load_can_say_arrives() -> None:
    full = LOAD.replace("table: crm.account", "sql: SELECT * FROM crm.account").replace(
        "    Name: name\n",
        "    Industry:\n      column: sector\n      values: {tech: Technology}\n"
        "  name: customers\n  description: Customers.\n  after: [User]\n"
        "  tolerance: {rows: 3, share: 0.05}\n  latency_class: interactive\n  criticality: critical\n"
        "  owners: ['team:revops']\n",
    )

    sync = load_sync(full)

    assert sync.name == "customers"
    assert sync.source == Source(kind=SourceKind.SQL, location="SELECT * FROM crm.account")
    assert sync.fields[1] == FieldMapping(field="Industry", column="sector", values={"tech": "Technology"})
    assert sync.tolerance == Tolerance(rows=3, share=0.05)
    assert (sync.latency_class, sync.criticality) == (LatencyClass.INTERACTIVE, Criticality.CRITICAL)


def test_an_extract_of_everything_names_its_object_only() -> None:
    assert extract_sync(EXTRACT) == ExtractSync(name="account_extract", sobject="Account")


def test_an_extract_can_name_its_fields_and_how_urgent_it_is() -> None:
    more = (
        "  fields: [Name, Industry]\n  name: a\n  latency_class: near_real_time\n  criticality: deferrable\n"
    )

    assert extract_sync(EXTRACT + more) == ExtractSync(
        name="a",
        sobject="Account",
        fields=("Name", "Industry"),
        latency_class=LatencyClass.NEAR_REAL_TIME,
        criticality=Criticality.DEFERRABLE,
    )


def test_environment_variables_can_stand_in_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_FOLDER", "/data")
    templated = LOAD.replace("table: crm.account", 'csv: "{{ env.CRM_FOLDER }}/accounts.csv"')

    assert load_sync(templated).source == Source(kind=SourceKind.CSV, location="/data/accounts.csv")


@pytest.mark.parametrize(
    ("change", "line", "told"),
    [
        pytest.param(("operation: upsert", "operaton: upsert"), 5, "operaton", id="a misspelt key"),
        pytest.param(("  object: Account\n", ""), 3, "object", id="a missing key"),
        pytest.param(
            ("operation: upsert", "operation: merge"),
            5,
            "'merge' is none of insert, update, upsert, delete",
            id="an unknown operation",
        ),
        pytest.param(
            ("  fields:\n", "  latency_class: slow\n  fields:\n"),
            9,
            "'slow' is none of interactive, near_real_time, batch",
            id="an unknown latency class",
        ),
        pytest.param(
            ("  fields:\n", "  criticality: high\n  fields:\n"),
            9,
            "'high' is none of critical, normal, deferrable",
            id="an unknown criticality",
        ),
        pytest.param(("    table:", "    tabel:"), 7, "tabel", id="a misspelt source"),
        pytest.param(
            ("    table: crm.account\n", "    table: crm.account\n    csv: accounts.csv\n"),
            7,
            "a source names exactly one of sql, table, csv, parquet; this one names ['table', 'csv']",
            id="two sources",
        ),
        pytest.param(
            ("  fields:\n", "  tolerance: {share: 5}\n  fields:\n"),
            9,
            "a tolerance has rows of 0 or more and a share from 0 to 1",
            id="a tolerance of 500 percent",
        ),
        pytest.param(
            ("    Name: name\n", "    Name: {colum: name}\n"),
            9,
            "Name.FieldBlock.colum",
            id="a misspelt column",
        ),
        pytest.param(
            ("key: External_Id__c", "key: Other__c"),
            3,
            "the key Other__c of the Account load is not among its fields: add it",
            id="a key that is not loaded",
        ),
    ],
)
def test_a_wrong_load_is_told_with_file_and_line(change: tuple[str, str], line: int, told: str) -> None:
    refusal = refusal_of(LOAD.replace(*change))

    assert f"defs.yaml:{line}" in refusal
    assert told in refusal


@pytest.mark.parametrize(
    ("added", "line", "told"),
    [
        ("  field: [Name]\n", 5, "field"),
        ("  latency_class: slow\n", 5, "'slow' is none of interactive, near_real_time, batch"),
    ],
    ids=["a misspelt key", "an unknown latency class"],
)
def test_a_wrong_extract_is_told_with_file_and_line(added: str, line: int, told: str) -> None:
    refusal = refusal_of(EXTRACT + added)

    assert f"defs.yaml:{line}" in refusal
    assert told in refusal


def test_a_load_made_in_python_is_held_to_the_same_key_rule() -> None:
    component = SalesforceLoad(
        object="Account",
        operation="upsert",
        key="Other__c",
        source={"table": "crm.account"},  # pyright: ignore[reportArgumentType]
        fields={"Name": "name"},
    )

    with pytest.raises(ValueError, match="the key Other__c of the Account load is not among its fields"):
        component.to_sync()


USAGE = """\
type: sf_pipelines.components.SalesforceLoad

attributes:
  name: seats
  usage: true
  object: Account
  operation: update
  key: Id
  deps: [mart/seats]
  source:
    table: mart.seats
  fields:
    Id: account_id
    Seats_Used__c: seats
"""


def test_a_usage_sync_is_hourly_deferrable_and_named_by_its_sync() -> None:
    load = loaded(USAGE)

    assert isinstance(load, SalesforceLoad)
    assert load.asset_key == dg.AssetKey(["salesforce", "usage", "seats"])
    assert load.to_sync().criticality is Criticality.DEFERRABLE
    spec = asset_of(load).get_asset_spec(load.asset_key)
    assert spec.partitions_def == HOURS
    assert (spec.group_name, [dep.asset_key for dep in spec.deps]) == (
        "usage",
        [dg.AssetKey(["mart", "seats"])],
    )


@pytest.mark.parametrize(
    ("said", "criticality"),
    [("critical", Criticality.CRITICAL), ("normal", Criticality.NORMAL)],
)
def test_the_criticality_of_a_usage_sync_can_be_told(said: str, criticality: Criticality) -> None:
    assert load_sync(f"{USAGE}  criticality: {said}\n").criticality is criticality


def test_a_criticality_that_is_none_is_refused_with_its_place() -> None:
    assert "'urgent' is none of critical, normal, deferrable" in refusal_of(f"{USAGE}  criticality: urgent\n")
