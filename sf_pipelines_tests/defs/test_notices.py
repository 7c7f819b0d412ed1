"""From a run that fails, or rows lost within the tolerance, to a message that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from sf_pipelines.defs.notices.sensors import NOBODY_IS_TOLD, failure_notices, run_failure_notices
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines_tests.components.conftest import environment as environment
from sf_pipelines_tests.components.conftest import instance as instance
from sf_pipelines_tests.components.runs import NIGHT, materialized
from sf_pipelines_tests.components.test_load import BAD, GOOD, load_of
from sf_pipelines_tests.resources.sinks import WebhookSink, mail_sink, webhook_sink
from sf_pipelines_tests.workflows.conftest import clock as clock
from sf_pipelines_tests.workflows.conftest import emulator as emulator


@pytest.fixture
def chat(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebhookSink]:
    """A chat that the settings name."""
    with webhook_sink() as sink:
        monkeypatch.setenv("SF_PIPELINES_NOTICE_WEBHOOK_URL", sink.url)
        monkeypatch.setenv("SF_PIPELINES_UI_URL", "http://127.0.0.1:3000/")
        yield sink


def told_by_run_failure_sensor(result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> str:
    """What the sensor says when its daemon calls it for a failed run."""
    (event,) = [event for event in result.all_events if event.event_type is dg.DagsterEventType.RUN_FAILURE]
    context = dg.build_run_status_sensor_context(
        sensor_name="run_failure_notices",
        dagster_event=event,
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        resources={"pipelines": PipelinesResource()},
    ).for_run_failure()
    skip = run_failure_notices(context)
    assert isinstance(skip, dg.SkipReason)
    return skip.skip_message or ""


def sent(instance: dg.DagsterInstance) -> str:
    """One tick of the sensor that sends; the sentence that it ends with."""
    context = dg.build_sensor_context(instance=instance, resources={"pipelines": PipelinesResource()})
    skip = failure_notices(context)
    assert isinstance(skip, dg.SkipReason)
    return skip.skip_message or ""


def text_of(chat: WebhookSink) -> str:
    (post,) = chat.posts
    return post["blocks"][0]["text"]["text"]


def test_a_red_load_is_told_with_figures_the_next_step_and_a_link(
    chat: WebhookSink, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    result = materialized(load_of(tmp_path, *GOOD, BAD), instance)
    told_by_run_failure_sensor(result, instance)

    assert "1 notices were sent" in sent(instance)

    text = text_of(chat)
    assert text.startswith(f"*account_load of {NIGHT} failed*\n1 of 4 rows")
    assert "REQUIRED_FIELD_MISSING; mend the values at the source" in text
    assert "send them again with the job `resend_account_load`" in text
    assert f"<http://127.0.0.1:3000/runs/{result.run_id}|Open in Dagster>" in text


def test_the_same_failure_is_told_once(
    chat: WebhookSink, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    load = load_of(tmp_path, *GOOD, BAD)
    sentences: list[str] = []
    for _ in range(2):
        sentences.append(told_by_run_failure_sensor(materialized(load, instance), instance))
        sent(instance)

    assert len(chat.posts) == 1
    assert [text.partition(": ")[2] for text in sentences] == [
        "it is to be told.",
        "it was told within the last day.",
    ]


def test_rows_lost_within_the_tolerance_are_told_once(
    chat: WebhookSink, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    materialized(load_of(tmp_path, *GOOD, BAD, tolerated=1), instance)

    assert sent(instance).startswith("1 partial failures are new, 1 notices were sent")
    assert sent(instance).startswith("0 partial failures are new, 0 notices were sent")

    assert text_of(chat).startswith(f"*account_load of {NIGHT}: 1 row did not reach the org*")


def test_a_load_without_rejected_rows_is_not_told(
    chat: WebhookSink, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    materialized(load_of(tmp_path, *GOOD), instance)

    sent(instance)

    assert chat.posts == []


def test_what_a_chat_refuses_is_sent_by_mail_all_the_same(
    chat: WebhookSink, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat.status = 500
    with mail_sink() as mailbox:
        monkeypatch.setenv("SF_PIPELINES_SMTP_URL", mailbox.url)
        monkeypatch.setenv("SF_PIPELINES_NOTICE_EMAIL_TO", "ada@acme.test")
        materialized(load_of(tmp_path, *GOOD, BAD, tolerated=1), instance)
        sentence = sent(instance)

    assert "1 notices were sent, 1 could not be sent and are tried again" in sentence
    assert len(mailbox.messages) == 1


@dg.op
def breaks() -> None:
    raise RuntimeError("token=00Dxx-hidden")


@dg.job
def broken() -> None:
    breaks()


def test_the_text_of_an_error_that_is_not_ours_is_not_told(
    chat: WebhookSink, instance: dg.DagsterInstance
) -> None:
    result = broken.execute_in_process(instance=instance, raise_on_error=False)
    told_by_run_failure_sensor(result, instance)
    sent(instance)

    text = text_of(chat)
    assert "*broken failed*" in text
    assert "The step breaks ended by RuntimeError: its log has the whole story." in text
    assert "hidden" not in text


def test_without_a_channel_the_tick_says_what_to_set(environment: None, instance: dg.DagsterInstance) -> None:
    assert sent(instance) == NOBODY_IS_TOLD
