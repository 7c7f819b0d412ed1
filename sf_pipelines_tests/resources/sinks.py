"""Real servers on loopback that keep what is sent to them: one for webhooks, one for e-mail."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class WebhookSink:
    """What was posted, and what the next posts are answered with."""

    url: str = ""
    status: int = 200
    posts: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def webhook_sink() -> Generator[WebhookSink]:
    """A webhook that takes JSON."""
    sink = WebhookSink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if sink.status < 300:
                sink.posts.append(json.loads(body))
            self.send_response(sink.status)
            if sink.status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        sink.url = f"http://127.0.0.1:{server.server_address[1]}/services/T0/B0/secret-part"
        try:
            yield sink
        finally:
            server.shutdown()
            thread.join()


@dataclass
class MailSink:
    """What was sent, to whom, and what the next message is answered with."""

    url: str = ""
    answer: str = "250 OK"
    messages: list[Message] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Called by aiosmtpd for each message."""
        del server, session
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.messages.append(message_from_bytes(envelope.content))
            self.recipients.append(list(envelope.rcpt_tos))
        return self.answer


class _OnFreePort(Controller):
    """Looks for its server at the port that it got, not at the 0 that it asked for."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_sink() -> Generator[MailSink]:
    """A mail server without TLS, on this machine."""
    sink = MailSink()
    controller = _OnFreePort(sink, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        sink.url = f"smtp://127.0.0.1:{controller.port}"
        yield sink
    finally:
        controller.stop()
