"""What `dg scaffold defs` writes is a load that runs as it is, by Dagster's own way to write and read it."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox

from sf_pipelines.components import SalesforceLoad
from sf_pipelines.components.scaffold import LoadParams, block_of
from sf_pipelines.model.rail import Operation
from sf_pipelines.model.sync import FieldMapping, Source, SourceKind

OFF = ("after", "deps", "tolerance", "only_changed", "schedule", "owners")


def scaffolded(params: dict[str, Any], folder: str = "contacts") -> tuple[str, SalesforceLoad]:
    """The file that the command writes, and the component that it becomes."""
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            component_cls=SalesforceLoad, defs_path=folder, scaffold_params=params
        )
        with sandbox.build_component_tree() as tree:
            component = tree.load_component(path)
        assert isinstance(component, SalesforceLoad)
        return (path / "defs.yaml").read_text(), component


def test_the_block_is_a_load_as_it_stands() -> None:
    _, component = scaffolded({})

    sync = component.to_sync()
    assert (sync.name, sync.sobject, sync.operation) == ("contacts", "Contact", Operation.UPSERT)
    assert component.build_defs(dg.ComponentTree.for_test().load_context).assets


def test_the_options_of_the_command_fill_the_block() -> None:
    _, component = scaffolded(
        {
            "object": "Lead",
            "operation": "insert",
            "key": "Email",
            "source": "csv",
            "location": "/data/leads.csv",
            "fields": "Email=mail, LastName = last_name",
        },
        "marketing_leads",
    )

    sync = component.to_sync()
    assert (sync.name, sync.key, sync.operation) == ("marketing_leads", "Email", Operation.INSERT)
    assert sync.source == Source(kind=SourceKind.CSV, location="/data/leads.csv")
    assert sync.fields == (
        FieldMapping(field="Email", column="mail"),
        FieldMapping(field="LastName", column="last_name"),
    )


def test_every_setting_of_a_load_is_named_in_the_block() -> None:
    text, _ = scaffolded({})

    told = set(SalesforceLoad.model_fields) - {"description"}
    assert {name for name in told if f"{name}:" not in text} == set()


def test_every_commented_setting_can_be_switched_on() -> None:
    text = block_of(LoadParams(), name="contacts", type_name="sf_pipelines.components.SalesforceLoad")
    for name in OFF:
        text = text.replace(f"  # {name}:", f"  {name}:")

    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.defs_folder_path / "contacts"
        folder.mkdir()
        (folder / "defs.yaml").write_text(text)
        with sandbox.build_component_tree() as tree:
            component = tree.load_component(folder)

    assert isinstance(component, SalesforceLoad)
    assert (component.after, component.deps) == (["Account"], ["mart/account_usage"])
    assert component.schedule is not None
    assert (component.schedule.cron, component.only_changed) == ("0 * * * *", True)


def test_fields_that_cannot_be_read_are_told() -> None:
    with pytest.raises(ValueError, match="'Email' does not name fields: write field=column"):
        block_of(LoadParams(fields="Email"), name="x", type_name="y")
