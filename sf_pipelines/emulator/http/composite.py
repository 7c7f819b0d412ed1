"""`/composite`: up to 25 subrequests in one call, each through the same handlers as on the wire.

Belongs here: running and undoing subrequests. Not here: reading and checking them (subrequests.py),
references. Imports answer, envelope, messages, references, router, subrequests, surface.
"""

from __future__ import annotations

from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.answer import answer
from sf_pipelines.emulator.http.envelope import error_response
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.references import fill_url, fill_value, halted
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.subrequests import CompositePlan, Subrequest, as_request, read_plan
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.store import Transaction

_FIRST_FAILED_STATUS = 300


def composite(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`POST B/composite`."""
    plan = read_plan(surface.router, request)
    responses = _run_all_or_none(surface, request, plan) if plan.all_or_none else _run(surface, request, plan)
    items = [_item(one, response) for one, response in zip(plan.subrequests, responses, strict=True)]
    return ApiResponse(json={"compositeResponse": items})


def _run_all_or_none(surface: Surface, request: ApiRequest, plan: CompositePlan) -> list[ApiResponse]:
    def work(transaction: Transaction) -> list[ApiResponse]:
        responses = _run(surface, request, plan)
        culprit = next((at for at, response in enumerate(responses) if _failed(response)), None)
        if culprit is None:
            return responses
        transaction.rollback()
        undone = error_response([halted()])
        return [response if at == culprit else undone for at, response in enumerate(responses)]

    return surface.org.transact(work)


def _run(surface: Surface, request: ApiRequest, plan: CompositePlan) -> list[ApiResponse]:
    answers: dict[str, Any] = {}
    responses: list[ApiResponse] = []
    for subrequest in plan.subrequests:
        if plan.all_or_none and responses and _failed(responses[-1]):
            responses.append(error_response([halted()]))
            continue
        response = _run_one(surface, request, subrequest, answers)
        responses.append(response)
        if not _failed(response):
            answers[subrequest.reference_id] = response.json
    return responses


def _run_one(
    surface: Surface, request: ApiRequest, subrequest: Subrequest, answers: dict[str, Any]
) -> ApiResponse:
    def call() -> ApiResponse:
        url, body = fill_url(subrequest.url, answers), fill_value(subrequest.body, answers)
        match = surface.router.match(as_request(request, subrequest, url, body))
        if not match.route.in_composite:
            message = f"The resource of {subrequest.reference_id} can't be used in a composite request"
            raise SalesforceError("INVALID_INPUT", message)
        return match.handler()(surface, match.request)

    return answer(call)


def _failed(response: ApiResponse) -> bool:
    return response.status >= _FIRST_FAILED_STATUS


def _item(subrequest: Subrequest, response: ApiResponse) -> dict[str, Any]:
    return {
        "body": response.json,
        "httpHeaders": dict(response.headers),
        "httpStatusCode": response.status,
        "referenceId": subrequest.reference_id,
    }


ROUTES = (Route(pattern="composite", methods={"POST": composite}),)
