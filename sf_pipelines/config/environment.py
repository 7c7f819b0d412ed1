"""Reading one environment variable: its name with the prefix, its form, and what is said when it has another.

Every variable is read through here, so that `described` can be held against what is really read.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

PREFIX = "SF_PIPELINES_"

Word = TypeVar("Word", bound=StrEnum)


class SettingsError(Exception):
    """A setting is missing or cannot be read; the message names it and says what to set."""


class Secret:
    """A text that never shows itself: `repr`, `str` and formatting give stars; `reveal()` gives the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return format(repr(self), format_spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def read(values: Mapping[str, str], name: str) -> str | None:
    """The text of a variable, None where it is not set or empty."""
    return values.get(PREFIX + name) or None


def web_address(values: Mapping[str, str], name: str) -> str:
    """An address that begins with https:// or http://."""
    text = read(values, name) or ""
    if not text.startswith(("https://", "http://")):
        raise SettingsError(f"{PREFIX}{name} is '{text}': set it to an address that begins with https://.")
    return text.rstrip("/")


def word(values: Mapping[str, str], name: str, default: Word) -> Word:
    """One of the words of an enumeration."""
    text = read(values, name)
    words = type(default)
    try:
        return words(text) if text else default
    except ValueError:
        known = ", ".join(word.value for word in words)
        raise SettingsError(f"{PREFIX}{name} is '{text}': use one of {known}.") from None


def secret(values: Mapping[str, str], name: str) -> Secret | None:
    """A text that never shows itself."""
    text = read(values, name)
    return Secret(text) if text else None


def whole_number(values: Mapping[str, str], name: str, default: int) -> int:
    """A number of seconds."""
    text = read(values, name)
    if text is None:
        return default
    if not text.isdecimal():
        raise SettingsError(f"{PREFIX}{name} is '{text}': set it to a whole number of seconds.")
    return int(text)
