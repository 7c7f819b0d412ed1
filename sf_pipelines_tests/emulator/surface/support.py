"""What the surface tests share: a caller over real HTTP, waiting without sleeping, golden files."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import requests

from sf_pipelines.emulator.bulk.jobs import Job
from sf_pipelines.emulator.http.surface import Surface

GOLDEN = Path(__file__).parent / "golden"
UPDATE_FLAG = "UPDATE_GOLDEN"
XML = {"Content-Type": "application/xml"}
JSON = {"Content-Type": "application/json"}
CSV = {"Content-Type": "text/csv"}


class Caller:
    """Calls the emulator with one session, as a client would."""

    def __init__(self, url: str, access_token: str, surface: Surface, version: str = "66.0") -> None:
        self.url = url
        self.data = f"{url}/services/data/v{version}"
        self.surface = surface
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {access_token}"

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.http.get(self._address(path), timeout=30, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> requests.Response:
        return self.http.post(self._address(path), json=json, timeout=30, **options)

    def patch(self, path: str, json: Any = None, **options: Any) -> requests.Response:
        return self.http.patch(self._address(path), json=json, timeout=30, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return self.http.delete(self._address(path), timeout=30, **options)

    def query(self, soql: str, **options: Any) -> dict[str, Any]:
        response = self.get("/query", params={"q": soql}, **options)
        assert response.status_code == 200, response.text
        return response.json()

    def create(self, sobject: str, **fields: Any) -> str:
        response = self.post(f"/sobjects/{sobject}", fields)
        assert response.status_code == 201, response.text
        return response.json()["id"]

    def new_ingest(self, operation: str = "insert", sobject: str = "Account", **facts: str) -> dict[str, Any]:
        body = {"object": sobject, "operation": operation, "contentType": "CSV", **facts}
        response = self.post("/jobs/ingest", body)
        assert response.status_code == 200, response.text
        return response.json()

    def put_csv(self, job_id: str, content: str | bytes) -> requests.Response:
        body = content.encode() if isinstance(content, str) else content
        address = self._address(f"/jobs/ingest/{job_id}/batches")
        return self.http.put(address, data=body, headers={"Content-Type": "text/csv"}, timeout=30)

    def run_ingest(self, content: str | bytes, operation: str = "insert", **facts: str) -> dict[str, Any]:
        """Create, upload, close, and wait for the end; the job's info."""
        job = self.new_ingest(operation, **facts)
        assert self.put_csv(job["id"], content).status_code == 201
        assert self.patch(f"/jobs/ingest/{job['id']}", {"state": "UploadComplete"}).status_code == 200
        self.wait(job["id"])
        return self.get(f"/jobs/ingest/{job['id']}").json()

    def run_query(self, soql: str, operation: str = "query", **facts: str) -> dict[str, Any]:
        response = self.post("/jobs/query", {"operation": operation, "query": soql, **facts})
        assert response.status_code == 200, response.text
        self.wait(response.json()["id"])
        return self.get(f"/jobs/query/{response.json()['id']}").json()

    def results(self, job_id: str, kind: str) -> str:
        response = self.get(f"/jobs/ingest/{job_id}/{kind}", headers={"Accept": "text/csv"})
        assert response.status_code == 200, response.text
        return response.content.decode()

    def wait(self, job_id: str) -> Job:
        job = self.surface.jobs.wait_until_finished(job_id, 30.0)
        assert job.is_finished, job
        return job

    def _address(self, path: str) -> str:
        return path if path.startswith("http") else self.data + path


class AsyncCaller:
    """Calls the Bulk API, version 1, with the session header of its own."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.base = f"{caller.url}/services/async/59.0"
        self.http = requests.Session()
        self.http.headers["X-SFDC-Session"] = caller.surface.oauth.open_session().token

    def call(self, method: str, path: str, body: str | bytes = b"", **headers: str) -> requests.Response:
        content = body.encode() if isinstance(body, str) else body
        return self.http.request(method, f"{self.base}/{path}", data=content, headers=headers, timeout=30)

    def new_job(self, operation: str, content_type: str, extra: str = "") -> str:
        facts = f"<operation>{operation}</operation><object>Account</object>{extra}"
        body = f"<jobInfo>{facts}<contentType>{content_type}</contentType></jobInfo>"
        return self.id_of(self.call("POST", "job", body, **XML))

    def id_of(self, response: requests.Response) -> str:
        assert response.status_code == 201, response.text
        found = re.search(r'<id>(\w{18})</id>|"id":"(\w{18})"', response.text)
        assert found is not None, response.text
        return found[1] or found[2]

    def run_batch(self, job_id: str, content: str | bytes, headers: dict[str, str]) -> str:
        batch_id = self.id_of(self.call("POST", f"job/{job_id}/batch", content, **headers))
        store = self.caller.surface.classic
        assert store.wait_until_ended(store.find_batch(store.find(job_id), batch_id), 30.0)
        return f"job/{job_id}/batch/{batch_id}"

    def info(self, path: str) -> dict[str, str | None]:
        root = ElementTree.fromstring(self.call("GET", path, **XML).content)
        return {child.tag.rpartition("}")[2]: child.text for child in root}


def error_of(response: requests.Response) -> tuple[int, str, str]:
    """Status, code and message of an envelope with one error."""
    (error,) = response.json()
    return response.status_code, error["errorCode"], error["message"]


def assert_golden(name: str, actual: str | dict[str, Any] | list[Any]) -> None:
    """Compare with a golden file; `UPDATE_GOLDEN=1` writes it instead."""
    text = actual if isinstance(actual, str) else json.dumps(actual, indent=2) + "\n"
    text = re.sub(r"http://127\.0\.0\.1:\d+", "http://emulator", text)
    # A hash over every column of the row: it would change with every new field of the schema.
    text = re.sub(r'"ETag": ".*--gzip\\""', '"ETag": "hash"', text)
    path = GOLDEN / name
    if os.environ.get(UPDATE_FLAG) == "1":
        path.write_bytes(text.encode())
    assert text == path.read_bytes().decode()
