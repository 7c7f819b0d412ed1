"""Metadata keys are a promise to everyone who plots them: they are pinned here."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import dagster as dg

from sf_pipelines.ledger.queries import ErrorCount
from sf_pipelines.model.outcome import OutcomeCounts, Verdict, VerdictState
from sf_pipelines.policy.mends import mend
from sf_pipelines.present.outcomes import ERROR_TABLE_ROWS, MESSAGE_CHARACTERS, load_metadata
from sf_pipelines.workflows.load import LoadReport
from sf_pipelines_tests.present.decisions import RUN

LOAD = LoadReport(
    run_id=UUID(int=1),
    decision=RUN,
    counts=OutcomeCounts(submitted=10, succeeded=7, failed=2, unprocessed=1, created=5),
    verdict=Verdict(state=VerdictState.REJECTS_BEYOND_TOLERANCE, text="3 of 10 rows did not reach the org."),
    job_urls={"750A": "https://org.example/750A", "750B": "https://org.example/750B"},
    api_calls=14,
    seconds=1.23456,
)
ERRORS = [
    ErrorCount(
        code="REQUIRED_FIELD_MISSING",
        message_sample="Name!",
        rows=2,
        source_key_sample="a1",
        failure_class="data",
    ),
    ErrorCount(
        code="UNPROCESSED", message_sample="Aborted.", rows=1, source_key_sample="a9", failure_class="org"
    ),
]


def plain(metadata: dict[str, dg.MetadataValue], *, without: tuple[str, ...]) -> dict[str, object]:
    return {name: value.value for name, value in metadata.items() if name not in without}


def test_the_metadata_of_a_load() -> None:
    metadata = load_metadata(LOAD, ERRORS)

    assert plain(metadata, without=("decision", "errors", "jobs", "see_failed_rows")) == {
        "failed_records": dg.AssetKey(["ledger", "failed_records"]),
        "verdict": "3 of 10 rows did not reach the org.",
        "next_steps": f"- 2 rows with REQUIRED_FIELD_MISSING: {mend('data')}\n"
        f"- 1 row with UNPROCESSED: {mend('org')}",
        "rail": "bulk",
        "rows_submitted": 10,
        "rows_succeeded": 7,
        "rows_failed": 2,
        "rows_unprocessed": 1,
        "rows_unchanged": 0,
        "processes": 1,
        "api_calls": 14,
        "seconds": 1.235,
        "ledger_run": "00000000-0000-0000-0000-000000000001",
        "rows_to_move": 200_000,
        "bytes_to_move": 20_000_000,
        "api_calls_left": 99_000,
        "api_calls_reserved": 0,
        "calls_forecast": 14,
        "seconds_forecast": 211.2,
    }
    assert set(metadata) >= {"decision", "errors", "jobs"}


def test_the_decision_is_shown_as_markdown_and_jobs_as_links() -> None:
    metadata = load_metadata(LOAD, ERRORS)

    assert isinstance(metadata["decision"], dg.MarkdownMetadataValue)
    assert str(metadata["decision"].value).startswith("### Bulk API 2.0")
    assert isinstance(metadata["jobs"], dg.MarkdownMetadataValue)
    assert metadata["jobs"].value == (
        "- [750A](https://org.example/750A)\n- [750B](https://org.example/750B)"
    )


def test_error_codes_are_a_table_with_exact_counts_and_a_sample() -> None:
    table = load_metadata(LOAD, ERRORS)["errors"]

    assert isinstance(table, dg.TableMetadataValue)
    assert [column.name for column in table.schema.columns] == [
        "code",
        "rows",
        "sample_key",
        "sample_message",
    ]
    assert [tuple(record.data.values()) for record in table.records] == [
        ("REQUIRED_FIELD_MISSING", 2, "a1", "Name!"),
        ("UNPROCESSED", 1, "a9", "Aborted."),
    ]


def test_a_load_with_failed_rows_shows_the_way_to_them_and_to_the_attempt_before() -> None:
    metadata = load_metadata(LOAD, ERRORS, previous_run="d-1")

    assert f"sf-pipelines failures --run {LOAD.run_id}" in str(metadata["see_failed_rows"].value)
    assert "sf-pipelines trace a1" in str(metadata["see_failed_rows"].value)
    assert metadata["previous_attempt"] == dg.MetadataValue.dagster_run("d-1")


def test_a_long_text_of_the_org_does_not_blow_up_the_table() -> None:
    table = load_metadata(LOAD, [replace(ERRORS[0], message_sample="very " * 100)])["errors"]

    assert isinstance(table, dg.TableMetadataValue)
    shown = table.records[0].data["sample_message"]
    assert isinstance(shown, str)
    assert (len(shown), shown[-1]) == (MESSAGE_CHARACTERS, "…")


def test_the_error_table_has_an_end_however_many_codes_there_are() -> None:
    many = [replace(ERRORS[0], code=f"CODE_{number}") for number in range(ERROR_TABLE_ROWS + 5)]

    table = load_metadata(LOAD, many)["errors"]

    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data["code"] for record in table.records] == [
        f"CODE_{number}" for number in range(ERROR_TABLE_ROWS)
    ]


def test_a_load_without_errors_or_jobs_shows_neither_table_nor_links() -> None:
    metadata = load_metadata(replace(LOAD, job_urls={}), [])

    assert not {"errors", "failed_records", "see_failed_rows", "previous_attempt"} & metadata.keys()
    assert "jobs" not in metadata
