"""Log lines of the services: readable by machines, and without any secret of the settings."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from sf_pipelines.config.settings import SettingsError
from sf_pipelines.local.logs import configure_logs

SECRET = "seeded-client-secret"
ENVIRONMENT = {
    "SF_PIPELINES_SALESFORCE_URL": "https://acme.test",
    "SF_PIPELINES_SALESFORCE_CLIENT_ID": "id",
    "SF_PIPELINES_SALESFORCE_CLIENT_SECRET": SECRET,
    "SF_PIPELINES_DATABASE_URL": "postgresql://u:seeded-database@h/d",
    "SF_PIPELINES_NOTICE_WEBHOOK_URL": "https://hooks.test/seeded-hook",
}


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def logged(log_format: str, message: str, *arguments: object) -> str:
    stream = io.StringIO()
    configure_logs({**ENVIRONMENT, "SF_PIPELINES_LOG_FORMAT": log_format}, stream=stream)
    logging.getLogger("sf_pipelines.rails").info(message, *arguments)
    return stream.getvalue()


def test_a_line_is_one_json_object() -> None:
    line = json.loads(logged("json", "Attempt %d failed", 2))

    assert line["event"] == "Attempt 2 failed"
    assert (line["level"], line["logger"]) == ("info", "sf_pipelines.rails")
    assert line["timestamp"].endswith("Z")


def test_a_line_is_text_for_people() -> None:
    assert "Attempt 2 failed" in logged("text", "Attempt %d failed", 2)


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_secret_of_the_settings_gets_into_a_line(log_format: str) -> None:
    text = logged(
        log_format,
        "%s and %s and %s",
        SECRET,
        ENVIRONMENT["SF_PIPELINES_DATABASE_URL"],
        ENVIRONMENT["SF_PIPELINES_NOTICE_WEBHOOK_URL"],
    )

    assert "*** and *** and ***" in text
    assert "seeded" not in text


def test_nor_into_a_traceback() -> None:
    stream = io.StringIO()
    configure_logs({**ENVIRONMENT, "SF_PIPELINES_LOG_FORMAT": "json"}, stream=stream)
    try:
        raise RuntimeError(f"the library says {SECRET}")
    except RuntimeError:
        logging.getLogger("sf_pipelines").exception("It broke")

    line = json.loads(stream.getvalue())
    assert "RuntimeError: the library says ***" in line["exception"]
    assert "seeded" not in stream.getvalue()


def test_an_unknown_format_is_told() -> None:
    with pytest.raises(SettingsError, match="SF_PIPELINES_LOG_FORMAT is 'xml': use one of text, json"):
        configure_logs({"SF_PIPELINES_LOG_FORMAT": "xml"})
