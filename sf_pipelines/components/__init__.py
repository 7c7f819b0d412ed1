"""Component types of the registry: what `type:` in a defs.yaml can name."""

from __future__ import annotations

from sf_pipelines.components.changes import SalesforceChanges
from sf_pipelines.components.extract import SalesforceExtract
from sf_pipelines.components.failed_records import FailedRecords
from sf_pipelines.components.load import SalesforceLoad

__all__ = ["FailedRecords", "SalesforceChanges", "SalesforceExtract", "SalesforceLoad"]
