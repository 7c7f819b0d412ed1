"""What cannot be gone below: curl for the same pages, pyarrow from CSV to Parquet, nothing checked or kept.

Arguments: the org's URL, an access token, a folder. Pages lie on the disk as curl leaves them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from sf_pipelines_tests.bench.extract.measured import Stopwatch
from sf_pipelines_tests.bench.extract.query import DATA, SOQL

POLL_SECONDS = 0.5
TYPES = {
    "AnnualRevenue": pa.float64(),
    "NumberOfEmployees": pa.int32(),
    "IsDeleted": pa.bool_(),
    "SystemModstamp": pa.timestamp("ms", "UTC"),
    "CreatedDate": pa.timestamp("ms", "UTC"),
}


def main() -> None:
    """Extract once."""
    url, token, folder = sys.argv[1:4]
    watch = Stopwatch()
    base, headers = f"{url}{DATA}/jobs/query", ["-H", f"Authorization: Bearer {token}"]
    body = json.dumps({"operation": "query", "query": SOQL})
    job = json.loads(_curl(*headers, "-H", "Content-Type: application/json", "-d", body, base))["id"]
    with watch.waiting():
        while json.loads(_curl(*headers, f"{base}/{job}"))["state"] != "JobComplete":
            time.sleep(POLL_SECONDS)
    rows = _pages_to_parquet(base, job, headers, Path(folder))
    watch.tell(rows=rows)


def _pages_to_parquet(base: str, job: str, headers: list[str], folder: Path) -> int:
    locator, rows, writer = "", 0, None
    while locator != "null":
        page = folder / "page.csv"
        address = f"{base}/{job}/results" + (f"?locator={locator}" if locator else "")
        told = _curl(*headers, "--compressed", "-D", "-", "-o", str(page), address)
        locator = next(
            line.partition(":")[2].strip()
            for line in told.splitlines()
            if line.lower().startswith("sforce-locator")
        )
        table = csv.read_csv(
            page,
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(column_types=TYPES, strings_can_be_null=True),
        )
        writer = writer or pq.ParquetWriter(folder / "accounts.parquet", table.schema, compression="zstd")
        writer.write_table(table.cast(writer.schema))
        rows += table.num_rows
    assert writer is not None
    writer.close()
    return rows


def _curl(*arguments: str) -> str:
    done = subprocess.run(["curl", "-fsS", *arguments], capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    main()
