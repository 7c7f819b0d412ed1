from __future__ import annotations

from sf_pipelines.emulator.org import Org
from sf_pipelines_tests.emulator.core.helpers import add


def _fill(org: Org, count: int) -> list[str]:
    results = org.create("Account", [{"Name": f"n{number:05d}"} for number in range(count)])
    return [result.id or "" for result in results]


def test_rows_that_come_or_go_later_do_not_disturb_a_running_read(org: Org) -> None:
    ids = _fill(org, 4500)
    result = org.query("SELECT Id FROM Account ORDER BY Name DESC")
    reading = result.rows
    first = next(reading)
    add(org, "Account", Name="zz")
    org.delete("Account", ids[:10])
    org.update("Account", [{"Id": ids[-1], "Name": "aaa"}])
    rest = [first, *reading]
    assert [row[0] for row in rest] == ids[::-1]
    assert result.total_size == 4500


def test_a_row_deleted_for_good_is_left_out(org: Org) -> None:
    ids = _fill(org, 5)
    result = org.query("SELECT Id FROM Account")
    org.delete("Account", ids[1:2], hard=True)
    assert [row[0] for row in result.rows] == [ids[0], *ids[2:]]


def test_pages_can_be_read_in_any_order_and_again(org: Org) -> None:
    ids = _fill(org, 25)
    result = org.query("SELECT Id, Name FROM Account ORDER BY Name DESC")
    pages = [result.read_page(offset, 10) for offset in (20, 0, 10, 20)]
    assert pages[0] == pages[3]
    assert [row[0] for page in (pages[1], pages[2], pages[0]) for row in page] == ids[::-1]
    assert result.read_page(25, 10) == []
