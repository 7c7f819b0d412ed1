"""Failures told to people: what is due in the outbox goes out; one that fails holds up no other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from sf_pipelines.ledger.notices import outbox
from sf_pipelines.model.notice import Notice
from sf_pipelines.workflows.errors import WorkflowError
from sf_pipelines.workflows.tools import utc_now


class NoticeError(WorkflowError):
    """A notice could not be sent; one sentence without the address, which can be a secret."""


class Channel(ABC):
    """A way to people."""

    @abstractmethod
    def send(self, notice: Notice) -> None:
        """Tell it; raises NoticeError."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """What one look at the outbox did.

    Attributes:
        errors: one sentence for each notice that could not be sent.
    """

    sent: int
    errors: tuple[str, ...]


def send_due_notices(
    engine: Engine, channels: Mapping[str, Channel], *, clock: Callable[[], datetime] = utc_now
) -> Delivery:
    """Send what is due on the channels that there are.

    Raises:
        LedgerError: the database cannot be reached.
    """
    sent, errors = 0, list[str]()
    with outbox(engine, clock=clock) as box:
        for due in box.due():
            channel = channels.get(due.channel)
            if channel is None:
                continue
            try:
                channel.send(due.notice)
            except NoticeError as error:
                box.failed(due, str(error))
                errors.append(str(error))
            else:
                box.sent(due)
                sent += 1
    return Delivery(sent=sent, errors=tuple(errors))
