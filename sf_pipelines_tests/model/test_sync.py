from __future__ import annotations

import pytest

from sf_pipelines.model.rail import Operation
from sf_pipelines.model.sync import FieldMapping, LoadSync, Source, SourceKind, Tolerance


@pytest.mark.parametrize(
    ("tolerance", "rejected", "submitted", "allowed"),
    [
        pytest.param(Tolerance(), 0, 100, True, id="nothing rejected is always allowed"),
        pytest.param(Tolerance(), 1, 100, False, id="by default no row may be rejected"),
        pytest.param(Tolerance(rows=3), 3, 100, True, id="the row bound itself is allowed"),
        pytest.param(Tolerance(rows=3), 4, 100, False, id="one beyond the row bound is not"),
        pytest.param(Tolerance(share=0.05), 5, 100, True, id="the share itself is allowed"),
        pytest.param(Tolerance(share=0.05), 6, 100, False, id="one beyond the share is not"),
        pytest.param(Tolerance(rows=2, share=0.5), 5, 10, True, id="the larger of both bounds counts"),
        pytest.param(Tolerance(rows=2, share=0.01), 2, 10, True, id="rows count where the share is smaller"),
        pytest.param(
            Tolerance(share=0.29), 29, 100, True, id="29 of 100 are 29 percent, whatever binary says"
        ),
        pytest.param(Tolerance(share=0.57), 57, 100, True, id="57 of 100 are 57 percent"),
        pytest.param(Tolerance(share=0.1), 0, 0, True, id="an empty load is within every share"),
    ],
)
def test_a_tolerance_allows(tolerance: Tolerance, rejected: int, submitted: int, allowed: bool) -> None:
    assert tolerance.allows(rejected=rejected, submitted=submitted) is allowed


def test_a_load_knows_its_columns_and_the_source_column_of_its_key() -> None:
    sync = LoadSync(
        name="account_load",
        sobject="Account",
        operation=Operation.UPSERT,
        key="External_Id__c",
        source=Source(kind=SourceKind.TABLE, location="crm.account"),
        fields=(
            FieldMapping(field="Name", column="title"),
            FieldMapping(field="External_Id__c", column="account_key"),
        ),
    )

    assert sync.field_names == ("Name", "External_Id__c")
    assert sync.key_column == "account_key"
