"""Settings of failure notices: a webhook, e-mail, both, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from sf_pipelines.config.environment import PREFIX, Secret, SettingsError, read, secret

DEFAULT_FROM = "sf-pipelines@localhost"
SMTP_PORTS: Mapping[str, int] = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, kw_only=True, slots=True)
class MailSettings:
    """A mail server and the addresses of a notice.

    Attributes:
        is_tls_from_start: `smtps`; with `smtp` the connection turns to TLS before anything is told, except on
            this very machine.
    """

    host: str
    port: int
    is_tls_from_start: bool
    username: str | None
    password: Secret | None
    sender: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeSettings:
    """Where failures are told.

    Attributes:
        webhook: address that takes Slack-compatible JSON; a secret, since whoever has it can post.
        ui_url: address of the Dagster UI, for links; None leaves them out.
    """

    webhook: Secret | None = None
    mail: MailSettings | None = None
    ui_url: str | None = None

    @property
    def is_on(self) -> bool:
        """Whether anything is told at all."""
        return self.webhook is not None or self.mail is not None


def load_notices(values: Mapping[str, str]) -> NoticeSettings:
    """Read the settings of notices.

    Raises:
        SettingsError: e-mail is half configured, or its server cannot be understood.
    """
    ui_url = read(values, "UI_URL")
    return NoticeSettings(
        webhook=secret(values, "NOTICE_WEBHOOK_URL"),
        mail=_mail(values),
        ui_url=ui_url.rstrip("/") if ui_url else None,
    )


def _mail(values: Mapping[str, str]) -> MailSettings | None:
    recipients = tuple(
        part.strip() for part in (read(values, "NOTICE_EMAIL_TO") or "").split(",") if part.strip()
    )
    server = secret(values, "SMTP_URL")
    sender = read(values, "NOTICE_EMAIL_FROM") or DEFAULT_FROM
    if not recipients and server is None:
        return None
    if not recipients or server is None:
        missing = "SMTP_URL" if recipients else "NOTICE_EMAIL_TO"
        raise SettingsError(f"{PREFIX}{missing} is not set, but e-mail notices need it: set it.")
    return _server(server, sender=sender, recipients=recipients)


def _server(server: Secret, *, sender: str, recipients: tuple[str, ...]) -> MailSettings:
    """The parts of the URL; a message about it holds nothing of it, since a password can be anywhere."""
    try:
        parts = urlsplit(server.reveal())
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = None, None, None
    if parts is None or host is None or parts.scheme not in SMTP_PORTS:
        raise SettingsError(
            f"{PREFIX}SMTP_URL cannot be read: write smtp://user:password@host:587 or smtps://host:465, with "
            "%40 for an @ in the password."
        )
    return MailSettings(
        host=host,
        port=port or SMTP_PORTS[parts.scheme],
        is_tls_from_start=parts.scheme == "smtps",
        username=unquote(parts.username) if parts.username else None,
        password=Secret(unquote(parts.password)) if parts.password else None,
        sender=sender,
        recipients=recipients,
    )
