"""simple-salesforce's bulk2 and pandas, as their documents show it: pages of text, data frames, one file.

Arguments: the org's URL, an access token, a folder.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import bulk2
from simple_salesforce.api import Salesforce

from sf_pipelines_tests.bench.extract.measured import Stopwatch
from sf_pipelines_tests.bench.extract.query import SOQL


class PlainHttp(HTTPAdapter):
    """simple-salesforce always says https; the emulator speaks plain HTTP on loopback."""

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **options)


def main() -> None:
    """Extract once."""
    url, token, folder = sys.argv[1:4]
    watch = Stopwatch()
    _tell_waits_apart(watch)
    session = requests.Session()
    session.mount("https://127.0.0.1", PlainHttp())
    salesforce = Salesforce(instance_url=url, session_id=token, session=session, version="62.0")
    frames = [pd.read_csv(io.StringIO(page)) for page in salesforce.bulk2.Account.query(SOQL)]
    whole = pd.concat(frames, ignore_index=True)
    whole.to_parquet(Path(folder) / "accounts.parquet", compression="zstd")
    watch.tell(rows=len(whole))


def _tell_waits_apart(watch: Stopwatch) -> None:
    client = bulk2._Bulk2Client
    wait_for_job = client.wait_for_job

    def wait(*arguments: Any, **options: Any) -> Any:
        with watch.waiting():
            return wait_for_job(*arguments, **options)

    client.wait_for_job = wait


if __name__ == "__main__":
    main()
