"""The law of section 5.4: successful + failed + unprocessed = uploaded rows, whatever happens to a job."""

from __future__ import annotations

import csv
import io
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sf_pipelines.emulator.bulk import ingest_run
from sf_pipelines.emulator.bulk.jobs import DELIMITERS, LINE_ENDINGS
from sf_pipelines.emulator.bulk.settings import BulkSettings
from sf_pipelines_tests.emulator.bulk.support import bench

KINDS = ("successful", "failed", "unprocessed")
BATCH_ROWS = 7

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(
    ["", "#N/A", 'say "hi"', "two\nlines", "a,b;c|d^e`f", " padded ", "x" * 300]
)
numbers = st.sampled_from(["", "1", "12.5", "never", "9" * 30, "1e3", "#N/A"])


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_run, "BATCH_ROWS", BATCH_ROWS)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    rows=st.lists(st.tuples(texts, numbers), min_size=1, max_size=40),
    delimiter=st.sampled_from(sorted(DELIMITERS)),
    ending=st.sampled_from(sorted(LINE_ENDINGS)),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    stop_after=st.none() | st.integers(0, 8),
    most_batches=st.integers(1, 9),
    parallel=st.integers(1, 3),
    broken_at=st.none() | st.integers(0, 39),
)
def test_every_uploaded_row_is_in_exactly_one_result(
    rows: list[tuple[str, str]],
    delimiter: str,
    ending: str,
    quoting: Any,
    stop_after: int | None,
    most_batches: int,
    parallel: int,
    broken_at: int | None,
) -> None:
    content = _csv(rows, DELIMITERS[delimiter], LINE_ENDINGS[ending], quoting, broken_at)
    asked = count()
    with bench(parallel) as org:
        org.limits.put("DailyBulkApiBatches", maximum=most_batches)
        job = org.run(
            org.add_job(content, column_delimiter=delimiter, line_ending=ending),
            BulkSettings(parallel_batches=parallel),
            must_stop=lambda: stop_after is not None and next(asked) >= stop_after,
        )
        done, failed = len(org.rows(job, "successful")), len(org.rows(job, "failed"))
        counted = (job.records_processed - job.records_failed, job.records_failed)
        stored = org.org.query("SELECT COUNT() FROM Account").total_size

        assert (done, failed) == counted
        assert stored == done
        if broken_at is None:
            uploaded = sorted(number for _, number in _keyed(rows))
            kept = [row[-1] for kind in KINDS for row in org.rows(job, kind)]
            assert sorted(kept) == uploaded


def _keyed(rows: list[tuple[str, str]]) -> list[tuple[tuple[str, str], str]]:
    return [(row, f"k-{at}") for at, row in enumerate(rows)]


def _csv(
    rows: list[tuple[str, str]], delimiter: str, newline: str, quoting: Any, broken_at: int | None
) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=newline, quoting=quoting)
    writer.writerow(["Name", "Seats_Used__c", "External_Id__c"])
    for at, ((name, seats), key) in enumerate(_keyed(rows)):
        if at == broken_at:
            text.write(f'a "b" c{delimiter}1{delimiter}{key}{newline}')
        else:
            writer.writerow([name, seats, key])
    return text.getvalue()
