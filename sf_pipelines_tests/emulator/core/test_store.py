"""The store writes any number of rows, in statements of a hundred and what is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from sf_pipelines.emulator import store as store_module
from sf_pipelines.emulator.schema.model import OrgSchema
from sf_pipelines.emulator.store import Store

COUNTS = [0, 1, 99, 100, 101, 200, 250]


@pytest.fixture
def store(schema: OrgSchema) -> Iterator[Store]:
    store = Store(":memory:", schema)
    yield store
    store.close()


def insert(store: Store, count: int) -> None:
    columns = {"Id": [f"id{at}" for at in range(count)], "Name": [f"n{at}" for at in range(count)]}
    store.insert_rows("Account", constants={"CreatedDate": 5, "OwnerId": "me"}, columns=columns)


def stored(store: Store, names: str) -> Sequence[tuple[Any, ...]]:
    return store.execute(f'SELECT {names} FROM "Account" ORDER BY "row"')


@pytest.mark.parametrize("count", COUNTS)
def test_every_inserted_row_has_its_own_values_and_the_constants(store: Store, count: int) -> None:
    insert(store, count)

    expected = [(f"id{at}", f"n{at}", 5, "me") for at in range(count)]
    assert stored(store, "Id, Name, CreatedDate, OwnerId") == expected


@pytest.mark.parametrize("count", COUNTS)
def test_an_update_changes_the_named_columns_of_the_named_rows_only(store: Store, count: int) -> None:
    insert(store, 250)
    numbers = [row for (row,) in stored(store, '"row"')][250 - count :]

    names = [f"new {number}" for number in numbers]
    store.update_rows("Account", row_numbers=numbers, constants={"OwnerId": "you"}, columns={"Name": names})

    changed = [(f"id{at}", f"new {at + 1}", 5, "you") for at in range(250 - count, 250)]
    unchanged = [(f"id{at}", f"n{at}", 5, "me") for at in range(250 - count)]
    assert stored(store, "Id, Name, CreatedDate, OwnerId") == [*unchanged, *changed]


def test_a_row_named_twice_keeps_the_later_values(store: Store) -> None:
    insert(store, 1)

    store.update_rows("Account", row_numbers=[1, 1], constants={}, columns={"Name": ["first", "second"]})

    assert stored(store, "Name") == [("second",)]


@pytest.mark.parametrize("most_variables", [1, 7, 8, 9])
def test_a_statement_has_no_more_variables_than_sqlite_takes(
    store: Store, most_variables: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_MAX_VARIABLES", most_variables)
    insert(store, 5)

    assert stored(store, "Id, Name") == [(f"id{at}", f"n{at}") for at in range(5)]
