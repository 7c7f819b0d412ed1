from __future__ import annotations

from sqlalchemy import Engine, text

from sf_pipelines.local import demo_data
from sf_pipelines.local.source_tables import fill_source_tables, tables_in_use


def _fill(engine: Engine, *, accounts: int) -> dict[str, int]:
    return fill_source_tables(
        engine,
        demo_data.account_rows(count=accounts, seed=1),
        demo_data.opportunity_rows(count=20, accounts=accounts, seed=1),
    )


def test_both_tables_are_filled_and_counted(engine: Engine) -> None:
    assert _fill(engine, accounts=5) == {"account": 5, "opportunity": 20}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM crm.opportunity")).scalar_one() == 20


def test_filling_again_replaces_the_rows(engine: Engine) -> None:
    _fill(engine, accounts=5)
    _fill(engine, accounts=3)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM crm.account")).scalar_one() == 3


def test_tables_that_a_demo_would_replace_are_named(engine: Engine) -> None:
    assert tables_in_use(engine) == []
    _fill(engine, accounts=1)
    assert tables_in_use(engine) == ["crm.account", "crm.opportunity"]
