"""A folder of CRM exports: what becomes of units and names, and what is said of a wrong folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from sf_pipelines.lake.errors import SourceError
from sf_pipelines.local.crm_folder import account_rows, opportunity_rows
from sf_pipelines.local.demo_data import AccountRow, OpportunityRow

ACCOUNTS_HEADER = "account,sector,year_established,revenue,employees,office_location,subsidiary_of"
DEALS_HEADER = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value"


def _accounts(folder: Path, *lines: str) -> list[AccountRow]:
    (folder / "accounts.csv").write_text("\n".join((ACCOUNTS_HEADER, *lines)) + "\n", encoding="utf-8")
    return list(account_rows(folder))


def _deals(folder: Path, *lines: str) -> list[OpportunityRow]:
    (folder / "sales_pipeline.csv").write_text("\n".join((DEALS_HEADER, *lines)) + "\n", encoding="utf-8")
    return list(opportunity_rows(folder))


def test_an_account_is_keyed_by_its_name_and_its_revenue_is_in_millions(tmp_path: Path) -> None:
    rows = _accounts(tmp_path, '"Acme, Inc",technolgy,1996,1100.04,2822,Kenya,Globex')

    assert rows == [
        AccountRow(
            account_key="Acme, Inc",
            name="Acme, Inc",
            industry="technolgy",
            annual_revenue="1100040000",
            employees="2822",
            country="Kenya",
            website=None,
            phone=None,
            description="Established 1996. Subsidiary of Globex.",
        )
    ]


@pytest.mark.parametrize(
    ("written", "millions"),
    [
        ("1", "1000000"),
        ("0.000001", "1"),
        ("0.0000001", "0.1"),
        ("0", "0"),
        ("-2.5", "-2500000"),
        ("1e3", "1000000000"),
        ("", None),
        ("a lot", "a lot"),
        ("1,1", "1,1"),
        ("nan", "nan"),
        ("inf", "inf"),
    ],
)
def test_revenue_becomes_a_plain_number_and_what_is_no_number_is_left_for_the_org(
    tmp_path: Path, written: str, millions: str | None
) -> None:
    (row,) = _accounts(tmp_path, f'Acme,retail,,"{written}",,,')

    assert row.annual_revenue == millions


def test_a_deal_is_named_by_its_account_and_product(tmp_path: Path) -> None:
    rows = _deals(tmp_path, "1C1I7A6R,Moses Frase,GTX Plus Basic,Cancity,Won,2016-10-20,2017-03-01,1054")

    assert rows == [
        OpportunityRow(
            opportunity_key="1C1I7A6R",
            account_key="Cancity",
            name="Cancity - GTX Plus Basic",
            stage="Won",
            amount="1054",
            close_date="2017-03-01",
            product="GTX Plus Basic",
            description="Sales agent Moses Frase. Engaged 2016-10-20.",
        )
    ]


def test_rows_that_the_org_will_refuse_are_kept(tmp_path: Path) -> None:
    rows = _deals(tmp_path, "A,,,,,,,", "A,Moses,GTXPro,Nobody,Wonn,,31/02/2017,-", ",,,,,,,")

    assert [row.opportunity_key for row in rows] == ["A", "A", None]
    assert [row.name for row in rows] == ["No account - no product", "Nobody - GTXPro", rows[0].name]
    assert [row.close_date for row in rows] == [None, "31/02/2017", None]
    assert rows[0].description is None


def test_columns_may_come_in_any_order_and_with_others_between(tmp_path: Path) -> None:
    names = ACCOUNTS_HEADER.split(",")[::-1]
    (tmp_path / "accounts.csv").write_text(f"id,{','.join(names)}\n7,,Kenya,5,1,,retail,Acme\n")

    (row,) = account_rows(tmp_path)

    assert (row.name, row.industry, row.annual_revenue, row.country) == ("Acme", "retail", "1000000", "Kenya")


def test_a_folder_without_the_files_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"accounts\.csv does not exist"):
        list(account_rows(tmp_path))
    with pytest.raises(SourceError, match=r"sales_pipeline\.csv does not exist"):
        list(opportunity_rows(tmp_path))


def test_a_missing_column_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    header = ACCOUNTS_HEADER.replace("revenue", "revenues")
    (tmp_path / "accounts.csv").write_text(f"{header}\n")

    with pytest.raises(SourceError, match=r"accounts\.csv has no column revenue.*did you mean revenues\?"):
        list(account_rows(tmp_path))


def test_a_file_in_another_encoding_is_told_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_bytes(f"{ACCOUNTS_HEADER}\nZürich AG,,,,,,\n".encode("latin-1"))

    with pytest.raises(SourceError, match=r"accounts\.csv .*UTF-8"):
        list(account_rows(tmp_path))
