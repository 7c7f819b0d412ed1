from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.model.gap import Gap, GapCause
from sf_pipelines.policy.gap_union import combined, united

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

times = st.none() | st.integers(min_value=0, max_value=100).map(lambda hours: NOON + timedelta(hours=hours))
gaps = st.builds(
    Gap,
    channel=st.sampled_from(["/data/ChangeEvents", "/data/AccountChangeEvent"]),
    sobject=st.sampled_from([None, "Account", "Contact"]),
    cause=st.sampled_from(GapCause),
    detail=st.just("A gap."),
    from_timestamp=times,
    to_timestamp=times,
    record_ids=st.none() | st.lists(st.sampled_from("ABCD"), max_size=3).map(tuple),
)


def covers(wide: Gap, narrow: Gap) -> bool:
    kind = ("channel", "sobject", "cause")
    return (
        all(getattr(wide, name) == getattr(narrow, name) for name in kind)
        and (wide.from_timestamp or NOON) <= (narrow.from_timestamp or NOON)
        and (wide.to_timestamp is None or wide.to_timestamp >= (narrow.to_timestamp or NOON))
        and (wide.to_timestamp is None or narrow.to_timestamp is not None)
        and (wide.from_timestamp is None or narrow.from_timestamp is not None)
        and (wide.record_ids is None) == (narrow.record_ids is None)
        and set(wide.record_ids or ()) >= set(narrow.record_ids or ())
    )


@given(st.lists(gaps, max_size=8))
def test_every_gap_is_covered_by_one_that_is_left_and_by_only_one_of_its_kind(several: list[Gap]) -> None:
    left = combined(several)

    for gap in several:
        assert sum(covers(wide, gap) for wide in left) == 1
    assert combined(left) == left


@given(gaps)
def test_a_gap_united_with_itself_stays_as_it_is(gap: Gap) -> None:
    assert covers(united(gap, gap), gap)
    assert covers(gap, united(gap, gap))
