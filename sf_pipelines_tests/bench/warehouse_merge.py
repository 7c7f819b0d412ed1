"""`python -m sf_pipelines_tests.bench.warehouse_merge`: Parquet to `raw.account` by COPY and one MERGE.

A million new rows of 20 fields, then as many changed ones, a hundredth of them, and the same again unchanged:
wall seconds, CPU seconds of the client and of the server's process, and the size of the table.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, text

from sf_pipelines.lake.parquet import ParquetSink, read_parquet
from sf_pipelines.lake.warehouse import MergeResult, merge_into_raw
from sf_pipelines.ledger.engine import open_engine
from sf_pipelines.local.postgres import EmbeddedPostgres

ROWS = 1_000_000
BATCH_ROWS = 50_000
LIMIT_SECONDS = 20.0
SERVER_PROCESS_SECONDS = 10
START = datetime(2026, 1, 5, 12, tzinfo=UTC)

TEXTS = ("Name", "Type", "Industry", "BillingStreet", "BillingCity", "BillingCountry", "Phone", "Website")
SCHEMA = pa.schema(
    [
        ("Id", pa.string()),
        ("IsDeleted", pa.bool_()),
        *((name, pa.string()) for name in TEXTS),
        ("Description", pa.string()),
        ("AnnualRevenue", pa.float64()),
        ("NumberOfEmployees", pa.int32()),
        ("OwnerId", pa.string()),
        ("ParentId", pa.string()),
        ("LastActivityDate", pa.date32()),
        ("External_Id__c", pa.string()),
        ("CreatedDate", pa.timestamp("ms", tz="UTC")),
        ("LastModifiedDate", pa.timestamp("ms", tz="UTC")),
        ("SystemModstamp", pa.timestamp("ms", tz="UTC")),
    ]
)


@dataclass(slots=True)
class Used:
    """What one merge took, in seconds."""

    wall: float = 0.0
    client_cpu: float = 0.0
    server_cpu: float = 0.0


def main() -> None:
    """All merges one after the other on one table; the argument is the number of rows."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    table = Table("Merge", title=f"{rows:,} rows of {len(SCHEMA)} fields, Parquet to raw.account")
    for name in ("Staged", "Inserted", "Updated", "Wall s", "Client CPU s", "Server CPU s", "Table MB"):
        table.add_column(name, justify="right")
    console = Console()
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as postgres:
        engine = open_engine(postgres.url)
        first = _parquet(folder, "first", rows, version=0)
        files = {
            "all new": first,
            "all changed": _parquet(folder, "second", rows, version=1),
            "all changed again": _parquet(folder, "third", rows, version=2),
            "one in a hundred changed": _parquet(folder, "few", rows, version=3, every=100),
            "nothing changed": first,
        }
        for name, uri in files.items():
            with _measured(engine) as used:
                result = merge_into_raw(
                    postgres.url, sobject="Account", schema=SCHEMA, batches=read_parquet(uri)
                )
            table.add_row(name, *_figures(result, used, engine))
            if name == "all changed":
                changed = used
        engine.dispose()
    console.print(table)
    word = "within" if changed.wall < LIMIT_SECONDS else "BEYOND"
    console.print(f"{rows:,} changed rows took {changed.wall:.1f} s, {word} {LIMIT_SECONDS:.0f} s")


def _figures(result: MergeResult, used: Used, engine: Engine) -> list[str]:
    with engine.connect() as connection:
        size = connection.execute(text("SELECT pg_total_relation_size('raw.account')")).scalar_one()
    counts = (result.staged, result.inserted, result.updated)
    seconds = (used.wall, used.client_cpu, used.server_cpu)
    return [*(f"{count:,}" for count in counts), *(f"{each:.1f}" for each in seconds), f"{size / 1e6:,.0f}"]


@contextmanager
def _measured(engine: Engine) -> Generator[Used]:
    used = Used()
    postmaster = _postmaster(engine)
    processes = set(postmaster.children())
    usage, server = getrusage(RUSAGE_SELF), _server_cpu(postmaster)
    started = perf_counter()
    yield used
    used.wall = perf_counter() - started
    # the server counts the time of a connection's process when that has ended
    psutil.wait_procs(set(postmaster.children()) - processes, timeout=SERVER_PROCESS_SECONDS)
    used.server_cpu = _server_cpu(postmaster) - server
    after = getrusage(RUSAGE_SELF)
    used.client_cpu = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime


def _postmaster(engine: Engine) -> psutil.Process:
    with engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    postmaster = psutil.Process(pid).parent()
    assert postmaster is not None
    return postmaster


def _server_cpu(postmaster: psutil.Process) -> float:
    """Of all processes of the server, those that have ended included."""
    own = postmaster.cpu_times()
    living = [child.cpu_times() for child in postmaster.children()]
    return own.children_user + own.children_system + sum(each.user + each.system for each in living)


def _parquet(folder: str, name: str, rows: int, *, version: int, every: int = 1) -> str:
    """A file of accounts, as an extract leaves it: every n-th of them, in the order of their version."""
    with ParquetSink(folder, f"{name}.parquet", SCHEMA) as sink:
        for first in range(0, rows, BATCH_ROWS * every):
            sink.write(_batch(np.arange(first, min(first + BATCH_ROWS * every, rows), every), version))
    return sink.uri


def _batch(numbers: np.ndarray, version: int) -> pa.RecordBatch:
    # ids come in no order, as in a window that is ordered by time
    shuffled = numbers * 7_919 % 10_000_019
    texts = pc.cast(pa.array(shuffled), pa.string())
    moment = pa.scalar(START + timedelta(days=version), pa.timestamp("ms", tz="UTC"))
    moments = pa.array([moment.as_py()] * len(numbers), pa.timestamp("ms", tz="UTC"))
    padded = pc.utf8_lpad(texts, 12, "0")

    def text_of(prefix: str) -> pa.Array:
        return pc.binary_join_element_wise(prefix, texts, "")

    columns: dict[str, pa.Array] = {
        "Id": pc.binary_join_element_wise("001", padded, "AAA", ""),
        "IsDeleted": pa.array(np.zeros(len(numbers), bool)),
        **{name: text_of(f"{name} of version {version}, ") for name in TEXTS},
        "Description": text_of("Lorem ipsum dolor sit amet, " * 4),
        "AnnualRevenue": pa.array(shuffled * 0.25),
        "NumberOfEmployees": pa.array((shuffled % 5_000).astype("int32")),
        "OwnerId": pc.binary_join_element_wise("005", padded, "AAA", ""),
        "ParentId": pa.nulls(len(numbers), pa.string()),
        "LastActivityDate": pa.array((shuffled % 20_000).astype("int32"), pa.int32()).cast(pa.date32()),
        "External_Id__c": text_of("B-"),
        "CreatedDate": moments,
        "LastModifiedDate": moments,
        "SystemModstamp": moments,
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)


if __name__ == "__main__":
    main()
