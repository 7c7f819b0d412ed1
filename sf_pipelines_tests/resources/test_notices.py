"""A notice as a chat and a mailbox get it, and what is said when they do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sf_pipelines.config.notices import NoticeSettings, load_notices
from sf_pipelines.config.settings import Secret, SettingsError
from sf_pipelines.model.notice import Notice
from sf_pipelines.resources.notices import SLACK_TEXT_CHARACTERS, Webhook, open_channels, slack_message
from sf_pipelines.workflows.notices import NoticeError
from sf_pipelines_tests.resources.sinks import mail_sink, webhook_sink

NOTICE = Notice(
    key="run:1",
    subject="account_load of 2026-03-04 failed",
    text="3 of 5 rows did not reach the org <b>. Mend & send again.",
    url="https://dagster.test/runs/1",
)


def mail_settings(url: str) -> NoticeSettings:
    return load_notices(
        {
            "SF_PIPELINES_SMTP_URL": url,
            "SF_PIPELINES_NOTICE_EMAIL_TO": "ada@acme.test, revops@acme.test",
            "SF_PIPELINES_NOTICE_EMAIL_FROM": "dagster@acme.test",
        }
    )


def test_the_webhook_gets_what_slack_understands() -> None:
    with webhook_sink() as sink:
        Webhook(Secret(sink.url)).send(NOTICE)

    assert sink.posts == [
        {
            "text": "account_load of 2026-03-04 failed",
            "blocks": [
                {
                    "type": "section",
                    "text": {
                        "type": "mrkdwn",
                        "text": "*account_load of 2026-03-04 failed*\n3 of 5 rows did not reach the org "
                        "&lt;b&gt;. Mend &amp; send again.\n<https://dagster.test/runs/1|Open in Dagster>",
                    },
                }
            ],
        }
    ]


def test_a_long_text_keeps_its_link_and_slacks_limit() -> None:
    (block,) = slack_message(replace(NOTICE, text="x" * 5_000))["blocks"]

    text = block["text"]["text"]
    assert len(text) == SLACK_TEXT_CHARACTERS
    assert text.endswith("|Open in Dagster>")


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_refused_notice_is_told_without_the_address(status: int) -> None:
    with webhook_sink() as sink:
        sink.status = status
        with pytest.raises(NoticeError, match=f"refused a notice with status {status}") as caught:
            Webhook(Secret(sink.url)).send(NOTICE)

    assert "secret-part" not in str(caught.value)


def test_a_webhook_that_is_not_there_is_told_without_the_address() -> None:
    with webhook_sink() as sink:
        pass

    with pytest.raises(NoticeError, match="cannot be reached") as caught:
        Webhook(Secret(sink.url)).send(NOTICE)
    assert "secret-part" not in repr(caught.value) + str(caught.value.__cause__)


def test_a_webhook_outside_of_this_machine_is_https() -> None:
    with pytest.raises(SettingsError, match="NOTICE_WEBHOOK_URL is not an https address") as caught:
        Webhook(Secret("http://hooks.acme.test/secret-part"))
    assert "secret-part" not in str(caught.value)


def test_the_mailbox_gets_subject_text_and_link() -> None:
    with mail_sink() as sink:
        open_channels(mail_settings(sink.url))["e-mail"].send(NOTICE)

    (message,) = sink.messages
    assert sink.recipients == [["ada@acme.test", "revops@acme.test"]]
    assert message["Subject"] == NOTICE.subject
    assert message["From"] == "dagster@acme.test"
    body: Any = message.get_payload(decode=True)
    assert body.decode().split() == [*NOTICE.text.split(), "https://dagster.test/runs/1"]


def test_a_mail_server_that_refuses_is_told() -> None:
    with mail_sink() as sink:
        sink.answer = "554 no"
        with pytest.raises(NoticeError, match=r"127.0.0.1:\d+ did not take a notice"):
            open_channels(mail_settings(sink.url))["e-mail"].send(NOTICE)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"SMTP_URL": "smtp://mail.test"}, "NOTICE_EMAIL_TO is not set"),
        ({"NOTICE_EMAIL_TO": "a@b.test"}, "SMTP_URL is not set"),
        ({"NOTICE_EMAIL_TO": "a@b.test", "SMTP_URL": "mail:hidden@host"}, "SMTP_URL cannot be read"),
        ({"NOTICE_EMAIL_TO": "a@b.test", "SMTP_URL": "smtp://u:hidden@h:port"}, "SMTP_URL cannot be read"),
    ],
)
def test_half_configured_mail_is_told_without_a_password(environment: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError, match=told) as caught:
        load_notices({f"SF_PIPELINES_{name}": text for name, text in environment.items()})
    assert "hidden" not in str(caught.value)


def test_a_password_may_hold_any_character() -> None:
    settings = mail_settings("smtps://user%40acme.test:p%40ss%2F@mail.acme.test")

    assert settings.mail is not None
    assert settings.mail.username == "user@acme.test"
    assert settings.mail.password == Secret("p@ss/")
    assert (settings.mail.port, settings.mail.is_tls_from_start) == (465, True)
