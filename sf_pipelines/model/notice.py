"""A failure told to people, before anything about how it will reach them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """What went wrong and what to do next.

    Attributes:
        key: the same for what needs to be told once only.
        subject: one line.
        text: full sentences with figures and the next step.
        url: page where one looks further, None where it is not known.
    """

    key: str
    subject: str
    text: str
    url: str | None = None
