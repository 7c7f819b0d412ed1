"""What a workflow itself can refuse. Errors of the org, the lake and the ledger pass through as they are."""

from __future__ import annotations

from sf_pipelines.model.decision import Decision
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


def is_of_rail(error: BaseException) -> bool:
    """Whether an error that ended a run speaks against the rail that carried it.

    One of lake or ledger does not, nor a refusal that every rail would have met.
    """
    return isinstance(error, SalesforceError) and error.speaks_against_rail
