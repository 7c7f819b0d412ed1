from __future__ import annotations

import csv
import gzip
import io
import os
import random
import threading
from collections.abc import Iterable, Iterator

import pyarrow.csv
import pytest

from sf_pipelines.rails.errors import BrokenTransferError, TransportError, UnexpectedAnswerError
from sf_pipelines.rails.ports import ReadableBytes, ResultKind, SalesforceClient
from sf_pipelines_tests.rails.scripted_org import PATIENCE_SECONDS, Reply, ScriptedOrg, csv_reply

JOB_ID = "750000000000001AAA"
FAILED_RESULTS = f"jobs/ingest/{JOB_ID}/failedResults"
GZIP = {"Content-Encoding": "gzip"}
CSV = b'"Id","Name"\n' + b"".join(
    b'"%d","%x"\n' % (n, random.Random(n).getrandbits(64)) for n in range(20_000)
)


def read_to_end(stream: ReadableBytes, size: int = 50_000) -> bytes:
    return b"".join(iter(lambda: stream.read(size), b""))


def read_all(client: SalesforceClient, size: int = 50_000) -> bytes:
    with client.ingest.results(JOB_ID, ResultKind.FAILED) as stream:
        return read_to_end(stream, size)


def pieces(body: bytes, size: int = 10_007) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


WHOLE = [
    pytest.param(csv_reply(CSV), id="with-length"),
    pytest.param(csv_reply(pieces(CSV)), id="chunked"),
    pytest.param(csv_reply(gzip.compress(CSV), headers=GZIP), id="gzip"),
    pytest.param(csv_reply(pieces(gzip.compress(CSV)), headers=GZIP), id="gzip-chunked"),
    pytest.param(
        csv_reply(gzip.compress(CSV[:9_999]) + gzip.compress(CSV[9_999:]), headers=GZIP),
        id="two-gzip-members",
    ),
    pytest.param(csv_reply(gzip.compress(CSV, 9), headers={"Content-Encoding": "x-gzip"}), id="x-gzip"),
]


@pytest.mark.parametrize("reply", WHOLE)
@pytest.mark.parametrize("size", [1_000_000, 65_536, 999])
def test_the_bytes_come_out_as_they_were(
    org: ScriptedOrg, client: SalesforceClient, reply: Reply, size: int
) -> None:
    org.script("GET", FAILED_RESULTS, reply)

    assert read_all(client, size) == CSV


BROKEN = [
    pytest.param(csv_reply(CSV, cut_after=70_000), id="with-length"),
    pytest.param(csv_reply(CSV, cut_after=0), id="no-byte"),
    pytest.param(csv_reply([CSV[:70_000], b""]), id="chunked-at-a-chunks-end"),
    pytest.param(csv_reply(gzip.compress(CSV), headers=GZIP, cut_after=70_000), id="gzip"),
    pytest.param(csv_reply(gzip.compress(CSV)[:70_000], headers=GZIP), id="gzip-cut-before-it-was-sent"),
    pytest.param(csv_reply(gzip.compress(CSV)[:-8], headers=GZIP), id="gzip-without-its-trailer"),
    pytest.param(csv_reply(b"\x1f\x8b" + os.urandom(500), headers=GZIP), id="gzip-of-garbage"),
]


@pytest.mark.parametrize("reply", BROKEN)
def test_a_short_transfer_raises_instead_of_ending(
    org: ScriptedOrg, client: SalesforceClient, reply: Reply
) -> None:
    org.script("GET", FAILED_RESULTS, reply)

    with pytest.raises(BrokenTransferError) as caught:
        read_all(client)

    assert isinstance(caught.value, TransportError)
    assert caught.value.job_id == JOB_ID
    assert caught.value.request_id


def test_a_broken_stream_stays_broken(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("GET", FAILED_RESULTS, csv_reply(CSV, cut_after=70_000))

    with client.ingest.results(JOB_ID, ResultKind.FAILED) as stream:
        for _ in range(3):
            with pytest.raises(BrokenTransferError):
                read_to_end(stream)


@pytest.mark.parametrize("headers", [{}, GZIP], ids=["plain", "gzip"])
def test_the_first_block_is_read_before_the_last_is_sent(
    org: ScriptedOrg, client: SalesforceClient, headers: dict[str, str]
) -> None:
    was_read = threading.Event()
    body = gzip.compress(CSV) if headers else CSV
    org.script("GET", FAILED_RESULTS, csv_reply(_held_back(body, was_read), headers=headers))

    with client.ingest.results(JOB_ID, ResultKind.FAILED) as stream:
        first = stream.read(1_000)
        was_read.set()
        rest = read_to_end(stream)

    assert first + rest == CSV


def _held_back(body: bytes, was_read: threading.Event) -> Iterator[bytes]:
    """Half of a body, and the rest once the client has read some; a client that waits for all gets no end."""
    yield body[: len(body) // 2]
    yield body[len(body) // 2 :] if was_read.wait(PATIENCE_SECONDS) else b""


def test_an_upload_is_made_while_it_is_sent(org: ScriptedOrg, client: SalesforceClient) -> None:
    arrived = threading.Semaphore(0)
    org.on_block = lambda number: arrived.release()
    org.script("PUT", f"jobs/ingest/{JOB_ID}/batches", Reply(status=201))

    def blocks() -> Iterator[bytes]:
        for number in range(20):
            yield b"%06d\n" % number * 1_000
            assert arrived.acquire(timeout=PATIENCE_SECONDS), "the block before was not sent on"

    client.ingest.upload(JOB_ID, blocks())

    upload = org.calls("PUT")[0]
    assert upload.blocks == 20
    assert len(upload.body) == 20 * 7_000
    assert upload.headers["Content-Type"] == "text/csv"
    assert "Content-Encoding" not in upload.headers


@pytest.mark.parametrize(
    "body", [[b"a\n", b"", b"b\n"], (b"a\n", b"b\n")], ids=["list-with-empty-block", "tuple"]
)
def test_any_iterable_is_a_body(org: ScriptedOrg, client: SalesforceClient, body: Iterable[bytes]) -> None:
    org.script("PUT", f"jobs/ingest/{JOB_ID}/batches", Reply(status=201))

    client.ingest.upload(JOB_ID, body)

    assert org.calls("PUT")[0].body == b"a\nb\n"


@pytest.mark.parametrize(
    "error", [BrokenPipeError("source"), ConnectionResetError("source"), KeyError("source")]
)
def test_an_error_of_the_source_comes_out_as_it_is(
    org: ScriptedOrg, client: SalesforceClient, error: Exception
) -> None:
    org.script("PUT", f"jobs/ingest/{JOB_ID}/batches", Reply(status=201))

    def blocks() -> Iterator[bytes]:
        yield b"Id\n"
        raise error

    with pytest.raises(type(error), match="source"):
        client.ingest.upload(JOB_ID, blocks())

    assert org.calls("PUT") == []


def test_csv_and_arrow_readers_take_a_stream(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("GET", FAILED_RESULTS, csv_reply(gzip.compress(CSV), headers=GZIP))

    with client.ingest.results(JOB_ID, ResultKind.FAILED) as stream:
        rows = list(csv.DictReader(io.TextIOWrapper(io.BufferedReader(stream), encoding="utf-8")))  # type: ignore[arg-type]
    with client.ingest.results(JOB_ID, ResultKind.FAILED) as stream:
        table = pyarrow.csv.open_csv(stream).read_all()  # type: ignore[arg-type]

    assert len(rows) == table.num_rows == 20_000
    assert rows[-1]["Id"] == "19999"


def test_an_empty_file_is_an_end_and_no_break(org: ScriptedOrg, client: SalesforceClient) -> None:
    for reply in (csv_reply(b""), csv_reply(b"", headers=GZIP), csv_reply(gzip.compress(b""), headers=GZIP)):
        org.script("GET", FAILED_RESULTS, reply)
        assert read_all(client) == b""


def test_an_answer_that_is_no_csv_is_unexpected(org: ScriptedOrg, client: SalesforceClient) -> None:
    for headers in ({"Content-Type": "text/html"}, {"Content-Encoding": "br"}):
        org.script("GET", FAILED_RESULTS, csv_reply(b"x", headers=headers))
        with pytest.raises(UnexpectedAnswerError):
            read_all(client)


def test_a_body_without_length_is_taken_only_if_gzip_marks_its_end(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    org.script("GET", FAILED_RESULTS, csv_reply(gzip.compress(CSV), headers=GZIP, tells_length=False))
    assert read_all(client) == CSV

    org.script("GET", FAILED_RESULTS, csv_reply(CSV, tells_length=False))
    with pytest.raises(UnexpectedAnswerError, match="length"):
        read_all(client)


def test_a_file_that_is_left_early_is_closed(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("GET", FAILED_RESULTS, csv_reply(CSV))
    left: list[ReadableBytes] = []

    for _ in range(40):
        with client.ingest.results(JOB_ID, ResultKind.FAILED) as stream:
            assert stream.read(10) == CSV[:10]
            left.append(stream)

    with pytest.raises(ValueError, match="closed"):
        left[0].read(10)
