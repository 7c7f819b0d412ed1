from __future__ import annotations

import pytest

from sf_pipelines_tests.emulator.surface.support import Caller, error_of


@pytest.mark.parametrize("number", [7, 20, 21, 30])
def test_a_retired_version_is_gone(caller: Caller, number: int) -> None:
    assert error_of(caller.get(f"{caller.url}/services/data/v{number}.0/limits"))[:2] == (410, "GONE")


@pytest.mark.parametrize("version", ["v6.0", "v31.0", "v40.0", "v57.0", "v67.0", "v62.1", "latest"])
def test_a_version_that_is_not_served_is_not_found(caller: Caller, version: str) -> None:
    response = caller.get(f"{caller.url}/services/data/{version}/limits")

    assert error_of(response) == (404, "NOT_FOUND", "The requested resource does not exist")


@pytest.mark.parametrize("version", ["58.0", "62.0", "66.0"])
def test_the_resource_map_names_all_that_is_served_in_its_own_version(caller: Caller, version: str) -> None:
    body = caller.get(f"{caller.url}/services/data/v{version}/").json()
    identity = body.pop("identity")

    assert {"composite", "jobs", "limits", "query", "queryAll", "sobjects"} <= set(body)
    assert body == {name: f"/services/data/v{version}/{name}" for name in body}
    assert caller.get(identity).status_code == 200


def test_versions_stand_side_by_side_on_one_org(caller: Caller) -> None:
    id_ = caller.create("Account", Name="One")

    told = [
        caller.get(f"{caller.url}/services/data/v{number}.0/sobjects/Account/{id_}").json()["attributes"][
            "url"
        ]
        for number in range(58, 67)
    ]

    assert told == [f"/services/data/v{number}.0/sobjects/Account/{id_}" for number in range(58, 67)]
