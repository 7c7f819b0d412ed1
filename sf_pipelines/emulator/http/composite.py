"""`/composite`: up to 25 subrequests in one call, each through the same handlers as on the wire.

Belongs here: running and undoing subrequests. Not here: reading and checking them (subrequests.py),
references. Imports answer, envelope, messages, references, router, subrequests, surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.answer import answer
from sf_pipelines.emulator.http.envelope import error_response
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.references import fill_url, fill_value, halted
from sf_pipelines.emulator.http.router import CheckMatch, Match, Route
from sf_pipelines.emulator.http.subrequests import Subrequest, as_request, read_plan
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.store import Transaction

_AMBIGUOUS, _NOT_MODIFIED = 300, 304
_FAMILY = ("tree", "batch", "sobjects", "graph")


def composite(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`POST B/composite`."""
    plan = read_plan(surface.router, request)
    run = run_all_or_none if plan.all_or_none else run_each
    responses = run(surface, request, plan.subrequests, check=_in_composite)
    return ApiResponse(json=composite_response(plan.subrequests, responses))


def resources(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET B/composite`: the members of the family, name to URI."""
    return ApiResponse(json={name: f"{request.data_url}/composite/{name}" for name in _FAMILY})


def run_all_or_none(
    surface: Surface, request: ApiRequest, subrequests: Sequence[Subrequest], *, check: CheckMatch
) -> list[ApiResponse]:
    """Run them in one transaction: one culprit keeps its error, all others tell that they were halted."""

    def work(transaction: Transaction) -> list[ApiResponse]:
        responses = _run(surface, request, subrequests, check, stop_at_error=True)
        if not failed(responses[-1]):
            return responses
        transaction.rollback()
        undone = error_response([halted()])
        culprit = len(responses) - 1
        return [responses[at] if at == culprit else undone for at in range(len(subrequests))]

    return surface.org.transact(work)


def run_each(
    surface: Surface, request: ApiRequest, subrequests: Sequence[Subrequest], *, check: CheckMatch
) -> list[ApiResponse]:
    """Run them one after the other, whatever becomes of each."""
    return _run(surface, request, subrequests, check, stop_at_error=False)


def composite_response(
    subrequests: Sequence[Subrequest], responses: Sequence[ApiResponse]
) -> dict[str, list[dict[str, Any]]]:
    """`{"compositeResponse": [...]}`, one item for each subrequest."""
    items = [_item(one, response) for one, response in zip(subrequests, responses, strict=True)]
    return {"compositeResponse": items}


def failed(response: ApiResponse) -> bool:
    """True for an answer that isn't a success; 300 is none, because an ambiguous key writes nothing."""
    return response.status >= _AMBIGUOUS and response.status != _NOT_MODIFIED


def _run(
    surface: Surface,
    request: ApiRequest,
    subrequests: Sequence[Subrequest],
    check: CheckMatch,
    *,
    stop_at_error: bool,
) -> list[ApiResponse]:
    answers: dict[str, Any] = {}
    responses: list[ApiResponse] = []
    for subrequest in subrequests:
        response = _run_one(surface, request, subrequest, answers, check)
        responses.append(response)
        if not failed(response):
            answers[subrequest.reference_id] = response.json
        elif stop_at_error:
            break
    return responses


def _run_one(
    surface: Surface, request: ApiRequest, subrequest: Subrequest, answers: dict[str, Any], check: CheckMatch
) -> ApiResponse:
    def call() -> ApiResponse:
        url, body = fill_url(subrequest.url, answers), fill_value(subrequest.body, answers)
        return surface.router.dispatch(surface, as_request(request, subrequest, url, body), check=check)

    return answer(call)


def _in_composite(match: Match) -> None:
    if not match.route.in_composite:
        message = f"The resource {match.route.pattern} can't be used in a composite request"
        raise SalesforceError("INVALID_INPUT", message)


def _item(subrequest: Subrequest, response: ApiResponse) -> dict[str, Any]:
    return {
        "body": response.json,
        "httpHeaders": dict(response.headers),
        "httpStatusCode": response.status,
        "referenceId": subrequest.reference_id,
    }


ROUTES = (Route(pattern="composite", methods={"GET": resources, "POST": composite}),)
