"""What a workflow itself can refuse. Errors of the org, the lake and the ledger pass through as they are."""

from __future__ import annotations

from datetime import datetime

from sf_pipelines.model.decision import Decision
from sf_pipelines.model.extract import TROUBLES_OF_A_RAIL, ReadTrouble
from sf_pipelines.rails.errors import SalesforceError


class WorkflowError(Exception):
    """A run cannot go on; the message is one sentence that names the thing and the mend."""


class SyncError(WorkflowError):
    """The declaration of a sync contradicts what the org describes.

    Attributes:
        field: the declared field at fault, None where it is the sync as a whole.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class UnreadableError(SyncError):
    """An extract cannot read what it declares; `trouble` is the state in which its windows stay red."""

    def __init__(self, message: str, trouble: ReadTrouble) -> None:
        super().__init__(message)
        self.trouble = trouble

    def __reduce__(self) -> tuple[type[UnreadableError], tuple[str, ReadTrouble]]:
        """Pickle with all attributes, as a step process hands it to its parent."""
        return (type(self), (str(self), self.trouble))


class TakenUpError(WorkflowError):
    """An earlier run must not be repeated as a whole; its rows are in the ledger."""


class BudgetSpentError(WorkflowError):
    """A budget that the org does not tell would be overrun; nothing was sent."""


class NotRunError(WorkflowError):
    """The policy said not to run now: the slice is deferred or refused, nothing was sent."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        reasons = " ".join(reason.text for reason in decision.because)
        when = f" Ask again at {decision.defer_until:%Y-%m-%d %H:%M}Z." if decision.defer_until else ""
        super().__init__(f"{decision.slice.sync} was not sent ({decision.action.value}): {reasons}{when}")

    def __reduce__(self) -> tuple[type[NotRunError], tuple[Decision]]:
        """Pickle by the decision, which a step process hands to its parent."""
        return (type(self), (self.decision,))


class ReadError(WorkflowError):
    """Rows of a window could not be read; what was read before stays, and the next run goes on from there.

    Attributes:
        trouble: the state in which the window stands.
        read_until: up to where, from its start, the window is in the warehouse; None where nothing is.
    """

    def __init__(self, message: str, trouble: ReadTrouble, read_until: datetime | None = None) -> None:
        super().__init__(message)
        self.trouble = trouble
        self.read_until = read_until

    def __reduce__(self) -> tuple[type[ReadError], tuple[str, ReadTrouble, datetime | None]]:
        """Pickle with all attributes, as a step process hands it to its parent."""
        return (type(self), (str(self), self.trouble, self.read_until))


def is_of_rail(error: BaseException) -> bool:
    """Whether an error that ended a run speaks against the rail that carried it.

    One of lake or ledger does not, nor a refusal that every rail would have met.
    """
    if isinstance(error, ReadError):
        return error.trouble in TROUBLES_OF_A_RAIL
    return isinstance(error, SalesforceError) and error.speaks_against_rail
