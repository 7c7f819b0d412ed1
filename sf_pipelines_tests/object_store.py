"""A local S3 server for tests that keep the lake in a bucket; import both fixtures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from moto.server import ThreadedMotoServer


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """Address of an S3 server on this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket_lake(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A lake in a bucket, reached as production is: by the environment."""
    settings = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_url,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert requests.put(f"{s3_url}/lake", timeout=10).ok
    return "s3://lake/sales"
