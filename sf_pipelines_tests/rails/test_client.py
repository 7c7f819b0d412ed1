from __future__ import annotations

import pytest

from sf_pipelines.config.settings import SettingsError
from sf_pipelines.rails.client import connect
from sf_pipelines.rails.urls import is_safe_url
from sf_pipelines_tests.rails.settings_samples import client_credentials

URLS = [
    ("https://my.salesforce.com", True),
    ("http://127.0.0.1:8080", True),
    ("http://127.9.9.9", True),
    ("http://[::1]:80", True),
    ("http://localhost:1", True),
    ("http://my.salesforce.com", False),
    ("http://10.0.0.1", False),
    ("http://localhost.example.org", False),
    ("ftp://localhost", False),
    ("my.salesforce.com", False),
    ("https://user:seeded-word@host:port", False),
    ("https://[::1", False),
    ("", False),
]


@pytest.mark.parametrize(("url", "is_safe"), URLS)
def test_tokens_go_by_tls_or_stay_on_this_machine(url: str, is_safe: bool) -> None:
    assert is_safe_url(url) is is_safe


@pytest.mark.parametrize("url", [url for url, is_safe in URLS if not is_safe])
def test_another_url_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(SettingsError, match="SF_PIPELINES_SALESFORCE_URL") as caught:
        connect(client_credentials(url))

    assert "seeded-word" not in str(caught.value)
