"""A load that contradicts the org is told while the code location loads, with file and line, and cheaply."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster.components.testing import create_defs_folder_sandbox

from sf_pipelines_tests.components.test_yaml import LOAD

# Dagster's loader marks where definitions stand by a class that it calls beta itself
pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

WRONG = """\
type: sf_pipelines.components.SalesforceLoad

attributes:
  object: Contact
  operation: upsert
  key: Title
  source:
    table: crm.contact
  fields:
    Title: title
    Name: name
    Birthdate: {column: born, type: number}
    Emial: mail
    Account.Website: site
    Acount.External_Id__c: account_key
"""


def build(yaml: str) -> dg.Definitions:
    """Definitions of a defs.yaml, by Dagster's own loader."""
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.defs_folder_path / "sync"
        folder.mkdir()
        (folder / "defs.yaml").write_text(yaml)
        with sandbox.build_component_tree() as tree:
            return tree.build_defs()


def refusal_of(yaml: str) -> str:
    """All that Dagster tells of a load that it does not take."""
    with pytest.raises(Exception, match=r"\w") as caught:
        build(yaml)
    error: BaseException | None = caught.value
    texts: list[str] = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def test_a_load_that_fits_the_org_loads(environment: None) -> None:
    assert build(LOAD).assets


@pytest.mark.parametrize(
    ("line", "told"),
    [
        pytest.param(
            10, "Title is not an external id of Contact (external ids: External_Id__c)", id="the key"
        ),
        pytest.param(11, "writes Name, which is read-only in the org: remove it", id="a read-only field"),
        pytest.param(
            12,
            "fills Birthdate with number of the column born, but the field is a date: convert it",
            id="a wrong type",
        ),
        pytest.param(
            13,
            "names the field Emial, which Contact does not have (did you mean Email",
            id="an unknown field",
        ),
        pytest.param(
            14,
            "finds its Account by Website, which is not an external id of Account (external ids: Ext",
            id="a parent by a field that identifies nothing",
        ),
        pytest.param(
            15, "names the parent Acount, which Contact does not have (did you mean Account", id="a parent"
        ),
    ],
)
def test_each_mistake_is_told_with_file_and_line(environment: None, line: int, told: str) -> None:
    refusal = refusal_of(WRONG)

    (found,) = {text for text in refusal.splitlines() if f"defs.yaml:{line}:" in text}
    assert told in found


def test_an_object_that_the_org_does_not_have_is_told(environment: None) -> None:
    refusal = refusal_of(LOAD.replace("object: Account", "object: Acount"))

    assert "defs.yaml:4: acount_load names the object Acount, which the org does not show." in refusal


def test_the_second_time_nothing_is_asked(
    environment: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    build(LOAD)
    monkeypatch.setenv("SF_PIPELINES_SALESFORCE_CLIENT_SECRET", "the org would refuse it")

    with caplog.at_level(logging.WARNING):
        assert build(LOAD).assets

    assert "cannot be asked" not in caplog.text


@pytest.fixture
def silent_org(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An address that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setenv("SF_PIPELINES_SALESFORCE_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.setattr("sf_pipelines.resources.pipelines.LOOK_SECONDS", 0.05)
        yield


def test_an_org_that_does_not_answer_is_asked_once_and_stops_nothing(
    silent_org: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert build(WRONG).assets
        assert build(WRONG).assets

    told = [record for record in caplog.records if "cannot be asked" in record.message]
    assert len(told) == 1


def test_where_the_settings_say_warn_the_code_location_loads(
    environment: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SF_PIPELINES_CHECK_SYNCS", "warn")

    with caplog.at_level(logging.WARNING):
        assert build(WRONG).assets

    assert "defs.yaml:13" in caplog.text


def test_where_the_settings_say_off_nothing_is_asked(
    silent_org: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SF_PIPELINES_CHECK_SYNCS", "off")

    with caplog.at_level(logging.WARNING):
        assert build(WRONG).assets

    assert "cannot be asked" not in caplog.text
