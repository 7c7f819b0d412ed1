"""One load or extract in a process of its own, measured from inside; its figures as JSON on standard output.

Settings come from the environment, like those of any run.
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import UTC, datetime, timedelta
from time import perf_counter

from sf_pipelines.config.settings import load_settings
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.model.slice import Window
from sf_pipelines.model.sync import ExtractSync, FieldMapping, LoadSync, Source, SourceKind
from sf_pipelines.resources.pipelines import open_tools
from sf_pipelines.workflows.extract import ExtractRequest, run_extract
from sf_pipelines.workflows.load import LoadRequest, run_load
from sf_pipelines_tests.bench.timing import Times, timed

COLUMNS = {
    "External_Id__c": "key",
    "Name": "name",
    "Industry": "industry",
    "AnnualRevenue": "revenue",
    "NumberOfEmployees": "employees",
    "BillingCountry": "country",
    "Website": "website",
    "Phone": "phone",
    "Description": "description",
}


def main() -> None:
    """Arguments: load or extract, and the rows of the source table."""
    what, rows = sys.argv[1], int(sys.argv[2])
    before_mb, times = _peak_mb(), Times()
    started = perf_counter()
    with open_tools(load_settings(), tell=lambda _: None) as tools:
        if what == "load":
            report = run_load(LoadRequest(sync=_load_sync(rows), forced_rail=Rail.BULK), timed(tools, times))
        else:
            sync = ExtractSync(name="bench_extract", sobject="Account")
            now = datetime.now(UTC)
            window = Window(start=now - timedelta(days=1), end=now + timedelta(days=1))
            report = run_extract(ExtractRequest(sync=sync, window=window, forced_rail=Rail.BULK), tools)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "what": what,
        "rows": report.counts.submitted,
        "succeeded": report.counts.succeeded,
        "verdict": report.verdict.state.value,
        "wall_seconds": round(perf_counter() - started, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_rss_mb": _peak_mb(),
        "rss_before_mb": before_mb,
        "api_calls": report.api_calls,
        "upload_seconds": round(times.upload_seconds, 2),
        "wait_seconds": round(times.wait_seconds, 2),
        "join_seconds": round(times.join_seconds, 2),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _load_sync(rows: int) -> LoadSync:
    return LoadSync(
        name="bench_load",
        sobject="Account",
        operation=Operation.UPSERT,
        key="External_Id__c",
        source=Source(kind=SourceKind.SQL, location=f"SELECT * FROM bench.account WHERE number < {rows}"),
        fields=tuple(FieldMapping(field=field, column=column) for field, column in COLUMNS.items()),
    )


def _peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


if __name__ == "__main__":
    main()
