"""The org itself over REST ([D] RESTG 3.1, 4): describe, limits, clock, addresses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

from sf_pipelines.model.describe import FieldDescribe, SObjectDescribe
from sf_pipelines.model.headroom import Budget, Headroom
from sf_pipelines.rails.ports import ApiUsage, OrgPort
from sf_pipelines.rails.transport import Transport

JOB_PAGE = "/lightning/setup/AsyncApiJobStatus/page?address=%2F{job_id}"
"""Where the org's user interface shows a Bulk job [I]."""


class Org(OrgPort):
    """What one org says about itself."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def calls_made(self) -> int:
        """Metered HTTP requests that this client has sent, repeated ones included."""
        return self._transport.meter.calls_made

    @property
    def api_usage(self) -> ApiUsage | None:
        """Usage as told by the newest answer, None before the first."""
        return self._transport.meter.api_usage

    def user_id(self) -> str | None:
        """Id of the user that this client writes as; needs no metered call."""
        return self._transport.user_id()

    def describe(self, sobject: str) -> SObjectDescribe:
        """Describe one object (one metered call); raises ObjectNotFoundError naming it."""
        path = self._transport.data_path(f"sobjects/{quote(sobject, safe='')}/describe")
        answer = self._transport.get(path)
        data = answer.json_object()
        try:
            return _read_object(data)
        except (AttributeError, KeyError, TypeError) as error:
            raise answer.unexpected(f"it does not describe an object ({error!r})") from None

    def headroom(self) -> Headroom:
        """All quotas that `/limits` tells; the org may be up to five minutes behind [D RESTG]."""
        answer = self._transport.get(self._transport.data_path("limits"))
        read = {name: _read_budget(item) for name, item in answer.json_object().items()}
        budgets = {name: budget for name, budget in read.items() if budget is not None}
        return Headroom(taken_at=self.org_time(), budgets=budgets)

    def org_time(self) -> datetime:
        """The org's clock in UTC, never ahead of it; needs no call while answers are recent."""
        return self._transport.org_time()

    def job_url(self, job_id: str) -> str:
        """The page of a Bulk job in the org's own user interface; needs no call."""
        return self._transport.site_url + JOB_PAGE.format(job_id=job_id)


def _read_budget(item: Any) -> Budget | None:
    match item:
        case {"Max": int(maximum), "Remaining": int(remaining)}:
            return Budget(maximum=maximum, remaining=remaining)
        case _:
            return None


def _read_object(data: Mapping[str, Any]) -> SObjectDescribe:
    fields = [_read_field(item) for item in cast("list[dict[str, Any]]", data["fields"])]
    return SObjectDescribe(
        name=str(data["name"]),
        key_prefix=data.get("keyPrefix"),
        createable=bool(data["createable"]),
        updateable=bool(data["updateable"]),
        deletable=bool(data["deletable"]),
        queryable=bool(data["queryable"]),
        fields={field.name: field for field in fields},
    )


def _read_field(item: Mapping[str, Any]) -> FieldDescribe:
    return FieldDescribe(
        name=str(item["name"]),
        type=str(item["type"]),
        length=item.get("length") or 0,
        precision=item.get("precision") or 0,
        scale=item.get("scale") or 0,
        nillable=bool(item["nillable"]),
        createable=bool(item["createable"]),
        updateable=bool(item["updateable"]),
        calculated=bool(item.get("calculated")),
        external_id=bool(item.get("externalId")),
        id_lookup=bool(item.get("idLookup")),
        defaulted_on_create=bool(item.get("defaultedOnCreate")),
        unique=bool(item.get("unique")),
        cascade_delete=bool(item.get("cascadeDelete")),
        restricted_delete=bool(item.get("restrictedDelete")),
        reference_to=tuple(item.get("referenceTo") or ()),
        relationship_name=item.get("relationshipName"),
        compound_field_name=item.get("compoundFieldName"),
    )
