"""The refusal of the OAuth endpoints, which has its own shape.

Belongs here: the exception. Not here: who raises it. Imports nothing.
"""

from __future__ import annotations


class OAuthError(Exception):
    """HTTP 400 `{"error": ..., "error_description": ...}` ([D] Help "OAuth 2.0 Authorization Errors")."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        """Store Salesforce's code and text."""
        super().__init__(error, description)
        self.error = error
        self.description = description
        self.status = status

    def as_dict(self) -> dict[str, str]:
        """The JSON body."""
        return {"error": self.error, "error_description": self.description}
