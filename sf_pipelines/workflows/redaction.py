"""Values that go to the org and nowhere else, taken out of what the ledger keeps of a failed row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sf_pipelines.model.outcome import RecordError

REDACTED = "***"

SHORTEST_IN_MESSAGE = 2
"""Characters of a value that are looked for in the org's text; a single one would tear up its words."""


def redact_values(values: Mapping[str, str | None], sensitive: frozenset[str]) -> dict[str, str | None]:
    """The row with stars for sensitive values; an empty one stays empty, since that is often the mistake."""
    return {name: REDACTED if name in sensitive and value else value for name, value in values.items()}


def redact_error(
    error: RecordError, values: Mapping[str, str | None], sensitive: frozenset[str]
) -> RecordError:
    """The org's refusal without sensitive values, which Salesforce likes to quote in its text."""
    texts = [values.get(name) or "" for name in sensitive]
    message = error.message
    for text in sorted((text for text in texts if len(text) >= SHORTEST_IN_MESSAGE), key=len, reverse=True):
        message = message.replace(text, REDACTED)
    return replace(error, message=message)
