"""dlt as its documents show it for a REST API: pages of SOQL results through its normaliser to Parquet files.

dlt's own Salesforce source reads by REST too. Runs in an environment of its own, which the bench makes and
throws away. Arguments: the org's URL, an access token, a folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator

from sf_pipelines_tests.bench.extract.measured import Stopwatch
from sf_pipelines_tests.bench.extract.query import DATA, SOQL


def main() -> None:
    """Extract once."""
    url, token, folder = sys.argv[1:4]
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    watch = Stopwatch()
    client = RESTClient(
        base_url=url,
        auth=BearerTokenAuth(token),
        paginator=JSONLinkPaginator(next_url_path="nextRecordsUrl"),
        data_selector="records",
    )

    @dlt.resource(name="account", write_disposition="replace")
    def accounts() -> Iterator[Any]:
        for page in client.paginate(f"{DATA}/query", params={"q": SOQL}):
            yield [{name: record[name] for name in record if name != "attributes"} for record in page]

    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.filesystem(bucket_url=f"file://{folder}/dlt"),
        dataset_name="raw",
        pipelines_dir=f"{folder}/pipelines",
    )
    pipeline.run(accounts(), loader_file_format="parquet")
    rows = pipeline.last_trace.last_normalize_info.row_counts["account"]
    watch.tell(rows=rows)


if __name__ == "__main__":
    main()
