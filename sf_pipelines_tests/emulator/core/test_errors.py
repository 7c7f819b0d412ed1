from __future__ import annotations

import pickle

from sf_pipelines.emulator.errors import SalesforceError


def test_the_envelope_names_fields_only_where_they_are_known() -> None:
    assert SalesforceError("NOT_FOUND", "gone", status=404).as_envelope() == {
        "message": "gone",
        "errorCode": "NOT_FOUND",
    }
    assert SalesforceError("X", "m", fields=["A"]).as_envelope()["fields"] == ["A"]


def test_a_row_error_always_has_fields_and_says_status_code() -> None:
    assert SalesforceError("X", "m").as_row_error() == {"statusCode": "X", "message": "m", "fields": []}


def test_an_error_survives_pickling() -> None:
    copy = pickle.loads(pickle.dumps(SalesforceError("X", "m", status=404, fields=["A"])))
    assert (copy.code, copy.message, copy.status, copy.fields) == ("X", "m", 404, ("A",))
