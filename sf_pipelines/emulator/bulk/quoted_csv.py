"""CSV with every value quoted, written column-wise: the form of all Bulk results.

Belongs here: quoting, by whole columns. Not here: what the columns hold. Imports nothing of the emulator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QuotedCsv:
    """One delimiter and one line ending."""

    delimiter: str
    newline: str

    def lines(self, columns: Sequence[Sequence[str]]) -> list[str]:
        """The rows of those columns, each without its first and last quote."""
        separator = f'"{self.delimiter}"'
        return list(map(separator.join, zip(*map(_doubled_quotes, columns), strict=True)))

    def text(self, lines: Sequence[str]) -> str:
        """The file's text of those rows."""
        if not lines:
            return ""
        body = f'"{self.newline}"'.join(lines)
        return f'"{body}"{self.newline}'

    def row(self, values: Sequence[str]) -> str:
        """The text of one row."""
        return self.text(self.lines([[value] for value in values]))

    @property
    def extra_chars(self) -> int:
        """What `text` adds to each line."""
        return 2 + len(self.newline)


def _doubled_quotes(values: Sequence[str]) -> Sequence[str]:
    if '"' not in "".join(values):
        return values
    return [value.replace('"', '""') for value in values]
