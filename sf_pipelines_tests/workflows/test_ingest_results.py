"""Result files of an ingest job against the rows that were sent, file by file as an org could give them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import create_engine

from sf_pipelines.config.settings import AuthFlow, SalesforceSettings, Secret
from sf_pipelines.lake.chunk import PayloadChunk
from sf_pipelines.lake.payload import write_payload
from sf_pipelines.lake.row_hashes import RowIdentity
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.model.outcome import OutcomeCounts, OutcomeState, RecordError, VerdictState
from sf_pipelines.model.rail import Operation
from sf_pipelines.model.sync import Source, SourceKind, Tolerance
from sf_pipelines.policy.accounting import Disagreement, DisagreementKind
from sf_pipelines.policy.completeness import load_verdict
from sf_pipelines.rails.client import connect
from sf_pipelines.rails.errors import BrokenTransferError
from sf_pipelines.rails.ports import BulkIngestPort, BulkJob, JobState, ReadableBytes, ResultKind
from sf_pipelines.workflows.ingest_results import FETCH_ATTEMPTS, IngestResults, collect_results, parse_error
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.orgs import KEY, load_of

FIELDS = (KEY, "Name")
BY_KEY = RowIdentity(columns=(KEY,))
SOME_SOURCE = Source(kind=SourceKind.TABLE, location="crm.account")
MISSING = "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
DONE = BulkJob(
    id="750xx1", sobject="Account", operation="upsert", state=JobState.JOB_COMPLETE, records_processed=3
)


class GivenFiles(BulkIngestPort):
    """An org of which only the result files are asked for; the first reads of one may break."""

    def __init__(self, files: Mapping[ResultKind, str], *, broken_reads: int = 0) -> None:
        self._files = files
        self._broken_reads = broken_reads

    @contextmanager
    def results(self, job_id: str, kind: ResultKind) -> Iterator[ReadableBytes]:
        content = self._files.get(kind, "").encode()
        if self._broken_reads:
            self._broken_reads -= 1
            yield _Breaking(content[: len(content) // 2])
        else:
            yield io.BytesIO(content)

    def create(self, sobject: str, operation: Operation, *, external_id_field: str | None = None) -> BulkJob:
        raise AssertionError("no job is created here")

    def upload(self, job_id: str, body: Iterable[bytes]) -> None:
        raise AssertionError("nothing is uploaded here")

    def close(self, job_id: str) -> BulkJob:
        raise AssertionError("no job is closed here")

    def abort(self, job_id: str) -> BulkJob:
        raise AssertionError("no job is aborted here")

    def info(self, job_id: str) -> BulkJob:
        raise AssertionError("the job is known")

    def jobs(self) -> Iterator[BulkJob]:
        raise AssertionError("no list is read")

    def wait(self, job_id: str, *, expected_seconds: float) -> BulkJob:
        raise AssertionError("the job has ended")


class _Breaking(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        if not block:
            raise BrokenTransferError("The answer ended before its end.")
        return block


def tools_with(ingest: BulkIngestPort, folder: Path) -> Tools:
    """Tools of which only the result files are used; nothing is connected to."""
    settings = SalesforceSettings(
        url="https://org.invalid",
        flow=AuthFlow.CLIENT_CREDENTIALS,
        client_id="id",
        client_secret=Secret("secret"),
    )
    engine = create_engine("postgresql+psycopg2://")
    return Tools(
        client=replace(connect(settings), ingest=ingest),
        ledger=Ledger(engine),
        engine=engine,
        database_url=Secret(""),
        lake=str(folder),
        spool=folder,
        extract_lag_seconds=0,
    )


def sent(folder: Path, *rows: tuple[str | None, str | None]) -> PayloadChunk:
    """A chunk of rows of key and name."""
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    batch = pa.RecordBatch.from_arrays(columns, names=list(FIELDS))
    payload = write_payload([batch], sync=load_of("Account", SOME_SOURCE, FIELDS), folder=folder / "spool")
    return payload.chunks[0]


def successful(*rows: str) -> str:
    return "".join(f"{line}\n" for line in (f'"sf__Id","sf__Created",{KEY},Name', *rows))


def failed(*rows: str) -> str:
    return "".join(f"{line}\n" for line in (f'"sf__Id","sf__Error",{KEY},Name', *rows))


def unprocessed(*rows: str) -> str:
    return "".join(f"{line}\n" for line in (f"{KEY},Name", *rows))


def collected(
    folder: Path,
    chunk: PayloadChunk,
    job: BulkJob = DONE,
    *,
    ok: str = "",
    bad: str = "",
    rest: str = "",
) -> IngestResults:
    files = {ResultKind.SUCCESSFUL: ok, ResultKind.FAILED: bad, ResultKind.UNPROCESSED: rest}
    return collect_results(BY_KEY, chunk, job, tools_with(GivenFiles(files), folder))


def test_files_that_agree_with_the_rows_and_the_counters_leave_nothing_to_say(tmp_path: Path) -> None:
    chunk = sent(tmp_path, ("a", "A"), ("b", None), ("c", "C"))

    results = collected(
        tmp_path,
        chunk,
        replace(DONE, records_failed=1),
        ok=successful("001,true,c,C", "002,false,a,A"),
        bad=failed(f',"{MISSING}",b,'),
    )

    assert results.counts == OutcomeCounts(
        submitted=3, succeeded=2, failed=1, created=1, errors={"REQUIRED_FIELD_MISSING": 1}
    )
    assert results.disagreements == ()
    ((record, state),) = results.rejected_rows()
    assert (record.values, state) == ({KEY: "b", "Name": None}, OutcomeState.FAILED)
    assert record.error == RecordError(
        code="REQUIRED_FIELD_MISSING", message="Required fields are missing: [Name]", fields=("Name",)
    )


@pytest.mark.parametrize(
    ("ok", "sentence"),
    [
        pytest.param(
            ["001,true,a,A", "002,true,b,B"],
            "1 rows have no result and 0 results belong to no row that was sent.",
            id="a row without a result",
        ),
        pytest.param(
            ["001,true,a,A", "002,true,b,B", "003,true,c,C", "004,true,d,D"],
            "0 rows have no result and 1 results belong to no row that was sent.",
            id="a result too many",
        ),
        pytest.param(
            ["001,true,a,A", "002,true,b,B", "003,true,z,Z"],
            "1 rows have no result and 1 results belong to no row that was sent.",
            id="as many results as rows, but of another row",
        ),
        pytest.param(
            ["001,true,a,A", "001,false,a,A", "002,true,b,B"],
            "1 rows have no result and 1 results belong to no row that was sent.",
            id="one row answered twice and another not at all",
        ),
    ],
)
def test_results_that_do_not_match_the_rows_are_told_and_never_green(
    tmp_path: Path, ok: list[str], sentence: str
) -> None:
    chunk = sent(tmp_path, ("a", "A"), ("b", "B"), ("c", "C"))
    job = replace(DONE, records_processed=len(ok))

    results = collected(tmp_path, chunk, job, ok=successful(*ok))

    (told,) = results.disagreements
    assert told.kind is DisagreementKind.ROWS
    assert told.text == f"Result files of job 750xx1 do not match the rows sent: {sentence}"
    verdict = load_verdict(results.counts, Tolerance(share=1.0), disagreements=results.disagreements)
    assert verdict.state is VerdictState.ROWS_UNACCOUNTED
    assert sentence in verdict.text


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        (
            replace(DONE, records_processed=4),
            "Job 750xx1 says that it processed 4 rows; its result files hold 3.",
        ),
        (
            replace(DONE, records_failed=1),
            "Job 750xx1 says that 1 rows failed; its result files hold 0.",
        ),
    ],
    ids=["processed", "failed"],
)
def test_a_counter_of_the_job_that_contradicts_its_files_is_told_and_never_green(
    tmp_path: Path, job: BulkJob, sentence: str
) -> None:
    chunk = sent(tmp_path, ("a", "A"), ("b", "B"), ("c", "C"))

    results = collected(tmp_path, chunk, job, ok=successful("001,true,a,A", "002,true,b,B", "003,true,c,C"))

    assert results.disagreements == (Disagreement(kind=DisagreementKind.COUNTER, text=sentence),)
    verdict = load_verdict(results.counts, Tolerance(share=1.0), disagreements=results.disagreements)
    assert verdict.state is VerdictState.COUNTERS_DISAGREE
    assert sentence in verdict.text


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.ABORTED])
def test_a_job_that_ended_early_accounts_for_its_rest_as_unprocessed(tmp_path: Path, state: JobState) -> None:
    chunk = sent(tmp_path, ("a", "A"), ("b", "B"), ("c", "C"))
    job = replace(DONE, state=state, records_processed=1, error_message="InvalidBatch : too many")

    results = collected(tmp_path, chunk, job, ok=successful("001,true,a,A"), rest=unprocessed("b,B", "c,C"))

    assert results.counts == OutcomeCounts(
        submitted=3, succeeded=1, unprocessed=2, created=1, errors={"UNPROCESSED": 2}
    )
    assert results.disagreements == ()
    records = list(results.rejected_rows())
    assert [record.values[KEY] for record, _ in records] == ["b", "c"]
    assert {state for _, state in records} == {OutcomeState.UNPROCESSED}
    assert {record.error.message for record, _ in records} == {"InvalidBatch : too many"}


def test_an_unprocessed_row_without_a_word_from_the_org_says_how_its_job_ended(tmp_path: Path) -> None:
    job = replace(DONE, state=JobState.ABORTED, records_processed=0)

    results = collected(tmp_path, sent(tmp_path, ("a", "A")), job, rest=unprocessed("a,A"))

    ((record, _),) = results.rejected_rows()
    assert record.error.message == "Job 750xx1 ended Aborted before this row."


def test_a_row_without_a_key_is_joined_like_any_other(tmp_path: Path) -> None:
    chunk = sent(tmp_path, (None, "A"), ("b", "B"))
    job = replace(DONE, records_processed=2, records_failed=1)

    results = collected(
        tmp_path,
        chunk,
        job,
        ok=successful("001,true,b,B"),
        bad=failed(f',"MISSING_ARGUMENT:{KEY} not specified:--",,A'),
    )

    assert results.disagreements == ()
    ((record, _),) = results.rejected_rows()
    assert record.values == {KEY: None, "Name": "A"}


def test_rows_with_one_key_are_told_apart_by_what_the_org_gave_back(tmp_path: Path) -> None:
    chunk = sent(tmp_path, ("k", "1"), ("k", "2"), ("k", "3"), ("k", "4"))
    job = replace(DONE, state=JobState.FAILED, records_processed=3, records_failed=2)

    results = collected(
        tmp_path,
        chunk,
        job,
        ok=successful("001,true,k,1"),
        bad=failed(",TOO_LONG:three:--,k,3", ",TOO_SHORT:two:--,k,2"),
        rest=unprocessed("k,4"),
    )

    found = [(record.values["Name"], record.error.code) for record, _ in results.rejected_rows()]
    assert found == [("2", "TOO_SHORT"), ("3", "TOO_LONG"), ("4", "UNPROCESSED")]


def test_a_row_that_the_org_gives_back_in_another_form_is_still_found_by_its_key(tmp_path: Path) -> None:
    chunk = sent(tmp_path, ("a", "first\nsecond"), ("b", "B"))
    job = replace(DONE, records_processed=2, records_failed=1)

    results = collected(
        tmp_path,
        chunk,
        job,
        ok=successful("001,true,b,B"),
        bad=failed(',TOO_LONG:no:--,a,"first\r\nsecond"'),
    )

    ((record, _),) = results.rejected_rows()
    assert record.values == {KEY: "a", "Name": "first\nsecond"}


def test_numbers_that_the_org_spells_its_own_way_still_find_their_rows(tmp_path: Path) -> None:
    chunk = sent(tmp_path, ("912260031", "A"), ("0.50", "B"), ("-7", "C"))
    files = {
        ResultKind.SUCCESSFUL: successful("001,true,9.12260031E8,A", "002,true,0.5,B"),
        ResultKind.FAILED: failed(",TOO_LONG:no:--,-7.0,C"),
    }
    job = replace(DONE, records_failed=1)

    results = collect_results(
        RowIdentity(columns=(KEY,), numbers=frozenset({KEY})),
        chunk,
        job,
        tools_with(GivenFiles(files), tmp_path),
    )

    assert results.disagreements == ()
    ((record, _),) = results.rejected_rows()
    assert record.values == {KEY: "-7", "Name": "C"}


def test_rows_without_a_unique_field_are_counted_as_a_multiset(tmp_path: Path) -> None:
    chunk = sent(tmp_path, ("k", "same"), ("k", "same"), ("k", "other"))
    whole = RowIdentity(columns=FIELDS)
    both = {ResultKind.SUCCESSFUL: successful("1,true,k,same", "2,true,k,same", "3,true,k,other")}
    one = {ResultKind.SUCCESSFUL: successful("1,true,k,same", "2,true,k,other", "3,true,k,other")}

    assert collect_results(whole, chunk, DONE, tools_with(GivenFiles(both), tmp_path)).disagreements == ()
    (told,) = collect_results(whole, chunk, DONE, tools_with(GivenFiles(one), tmp_path)).disagreements
    assert "1 rows have no result and 1 results belong to no row" in told.text


def test_a_broken_result_file_is_fetched_again(tmp_path: Path) -> None:
    files = GivenFiles({ResultKind.SUCCESSFUL: successful("001,true,a,A")}, broken_reads=FETCH_ATTEMPTS - 1)

    results = collect_results(
        BY_KEY, sent(tmp_path, ("a", "A")), replace(DONE, records_processed=1), tools_with(files, tmp_path)
    )

    assert results.counts.succeeded == 1
    assert results.disagreements == ()


def test_a_result_file_that_stays_broken_is_an_error_and_no_count(tmp_path: Path) -> None:
    files = GivenFiles({ResultKind.SUCCESSFUL: successful("001,true,a,A")}, broken_reads=FETCH_ATTEMPTS)

    with pytest.raises(BrokenTransferError):
        collect_results(BY_KEY, sent(tmp_path, ("a", "A")), DONE, tools_with(files, tmp_path))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param(
            "STRING_TOO_LONG:Name: data value too large: x (max length=1):Name --",
            RecordError(
                code="STRING_TOO_LONG",
                message="Name: data value too large: x (max length=1)",
                fields=("Name",),
            ),
            id="a message may hold colons",
        ),
        pytest.param(
            "REQUIRED_FIELD_MISSING:Required fields are missing: [Name, StageName]:Name,StageName --",
            RecordError(
                code="REQUIRED_FIELD_MISSING",
                message="Required fields are missing: [Name, StageName]",
                fields=("Name", "StageName"),
            ),
            id="several fields",
        ),
        pytest.param(
            "REQUIRED_FIELD_MISSING:missing:Name, StageName --",
            RecordError(code="REQUIRED_FIELD_MISSING", message="missing", fields=("Name", "StageName")),
            id="several fields with blanks between them",
        ),
        pytest.param(
            "DUPLICATE_VALUE:Duplicate external id specified: k:--",
            RecordError(code="DUPLICATE_VALUE", message="Duplicate external id specified: k"),
            id="no field",
        ),
        pytest.param(
            "CUSTOM_VALIDATION:see 10:30",
            RecordError(code="CUSTOM_VALIDATION", message="see 10:30"),
            id="no list of fields at all",
        ),
        pytest.param("UNKNOWN", RecordError(code="UNKNOWN", message=""), id="a bare code"),
    ],
)
def test_an_error_is_taken_apart(text: str, error: RecordError) -> None:
    assert parse_error(text) == error
