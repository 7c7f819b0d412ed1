from __future__ import annotations

import inspect
import pickle

import pytest

from sf_pipelines.rails import errors
from sf_pipelines.rails.errors import BrokenTransferError, Facts, FieldNotFoundError, SalesforceError

FACTS = Facts(
    method="PUT",
    path="/services/data/v66.0/jobs/ingest/750000000000001AAA/batches",
    status=400,
    error_code="INVALIDJOB",
    fields=("Name", "Site"),
    request_id="r-1",
    org_request_id="o-1",
    job_id="750000000000001AAA",
)

CLASSES = sorted(
    (item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, SalesforceError)),
    key=lambda item: item.__name__,
)

RETRYABLE = {
    "TransportError",
    "UnreachableError",
    "BrokenTransferError",
    "OrgUnavailableError",
    "JobDeadlineError",
    "ConcurrencyLimitError",
}

MET_ON_EVERY_RAIL = {
    "AuthenticationError",
    "SessionExpiredError",
    "RequestLimitError",
    "AccessDeniedError",
    "FieldNotFoundError",
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_survives_pickling_with_all_it_knows(kind: type[SalesforceError]) -> None:
    error = kind("went wrong", **FACTS)

    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is kind
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)


def test_what_only_some_errors_know_survives_pickling_too() -> None:
    broken = pickle.loads(pickle.dumps(BrokenTransferError("broke", page_number=3, locator="MTk", **FACTS)))
    missing = pickle.loads(pickle.dumps(FieldNotFoundError("none", field="Foo__c", sobject="Account")))

    assert (broken.page_number, broken.locator, broken.job_id) == (3, "MTk", "750000000000001AAA")
    assert (missing.field, missing.sobject) == ("Foo__c", "Account")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_says_request_job_status_and_path(kind: type[SalesforceError]) -> None:
    text = str(kind("went wrong", **FACTS))

    for part in ("went wrong", "r-1", "o-1", "750000000000001AAA", "400", "PUT /services/data/v66.0"):
        assert part in text


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_says_whether_sending_again_is_safe(kind: type[SalesforceError]) -> None:
    assert kind("went wrong", **FACTS).is_retryable is (kind.__name__ in RETRYABLE)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_that_every_rail_would_meet_speaks_against_none(kind: type[SalesforceError]) -> None:
    assert kind("went wrong", **FACTS).speaks_against_rail is (kind.__name__ not in MET_ON_EVERY_RAIL)


def test_a_refusal_for_a_row_lock_passes_by_itself() -> None:
    assert errors.RefusedError("locked", error_code="UNABLE_TO_LOCK_ROW").is_retryable


def test_the_docstring_draws_every_class_once() -> None:
    drawn = (errors.__doc__ or "").split("Nothing that")[0]

    for kind in CLASSES:
        assert drawn.split().count(kind.__name__) == 1
