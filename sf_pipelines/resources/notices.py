"""The channels of failure notices: a webhook that takes Slack-compatible JSON, and e-mail."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import make_msgid
from hashlib import sha256
from typing import Any

import requests

from sf_pipelines.config.notices import MailSettings, NoticeSettings
from sf_pipelines.config.settings import PREFIX, Secret, SettingsError
from sf_pipelines.model.notice import Notice
from sf_pipelines.rails.urls import is_loopback, is_safe_url
from sf_pipelines.workflows.notices import Channel, NoticeError

WAIT_SECONDS = 10.0
SLACK_TEXT_CHARACTERS = 3_000
"""Longest text of a section block ([D] Slack's reference of blocks)."""


def open_channels(settings: NoticeSettings) -> Mapping[str, Channel]:
    """The configured channels by name; empty where nothing is told.

    Raises:
        SettingsError: the webhook is neither https nor on this machine.
    """
    channels: dict[str, Channel] = {}
    if settings.webhook is not None:
        channels["webhook"] = Webhook(settings.webhook)
    if settings.mail is not None:
        channels["e-mail"] = Mail(settings.mail)
    return channels


class Webhook(Channel):
    """Posts JSON that Slack, Mattermost, Rocket.Chat and Teams' Slack connector understand."""

    def __init__(self, url: Secret) -> None:
        if not is_safe_url(url.reveal()):
            raise SettingsError(
                f"{PREFIX}NOTICE_WEBHOOK_URL is not an https address: use the one that the chat gave out."
            )
        self._url = url

    def send(self, notice: Notice) -> None:
        """One POST; the certificate is verified, redirects are not followed."""
        url = self._url.reveal()
        proxies = {"http": "", "https": ""} if is_loopback(url) else None
        try:
            answer = requests.post(
                url,
                json=slack_message(notice),
                timeout=WAIT_SECONDS,
                allow_redirects=False,
                verify=True,
                proxies=proxies,
            )
        except requests.RequestException as error:
            raise NoticeError(
                f"The webhook cannot be reached ({type(error).__name__}): check {PREFIX}NOTICE_WEBHOOK_URL."
            ) from None
        if not 200 <= answer.status_code < 300:
            raise NoticeError(
                f"The webhook refused a notice with status {answer.status_code}: check "
                f"{PREFIX}NOTICE_WEBHOOK_URL."
            )


class Mail(Channel):
    """Sends one plain-text message to all recipients."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings

    def send(self, notice: Notice) -> None:
        """One connection; TLS is verified, and left out only on this very machine."""
        settings = self._settings
        try:
            with self._connect() as server:
                if settings.username is not None:
                    server.login(settings.username, settings.password.reveal() if settings.password else "")
                server.send_message(mail_message(notice, settings))
        except (OSError, smtplib.SMTPException) as error:
            raise NoticeError(
                f"The mail server {settings.host}:{settings.port} did not take a notice "
                f"({type(error).__name__}): check {PREFIX}SMTP_URL."
            ) from None

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        tls = ssl.create_default_context()
        if settings.is_tls_from_start:
            return smtplib.SMTP_SSL(settings.host, settings.port, timeout=WAIT_SECONDS, context=tls)
        server = smtplib.SMTP(settings.host, settings.port, timeout=WAIT_SECONDS)
        if not is_loopback(f"smtp://{settings.host}"):
            server.starttls(context=tls)
        return server


def slack_message(notice: Notice) -> dict[str, Any]:
    """The notice as Slack takes it: a plain text for notifications, and blocks for the channel."""
    link = f"\n<{notice.url}|Open in Dagster>" if notice.url else ""
    text = f"*{_escaped(notice.subject)}*\n{_escaped(notice.text)}"
    return {
        "text": _escaped(notice.subject),
        "blocks": [
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": text[: SLACK_TEXT_CHARACTERS - len(link)] + link},
            }
        ],
    }


def mail_message(notice: Notice, settings: MailSettings) -> EmailMessage:
    """The notice as e-mail; its id is made of the key, so that mail programs join what was sent twice."""
    message = EmailMessage()
    message["Subject"] = " ".join(notice.subject.split())
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    message["Message-ID"] = make_msgid(sha256(notice.key.encode()).hexdigest()[:24], "sf-pipelines.local")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{notice.text}\n" + (f"\n{notice.url}\n" if notice.url else ""))
    return message


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
