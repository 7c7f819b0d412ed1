from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.emulator.temporal import (
    datetime_text,
    parse_date,
    parse_datetime,
    parse_time,
    time_text,
    to_epoch_ms,
)

MOMENTS = st.datetimes(datetime(1700, 1, 1), datetime(3999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS)
def test_a_datetime_survives_writing_and_reading(moment: datetime) -> None:
    epoch_ms = to_epoch_ms(moment)
    assert parse_datetime(datetime_text(epoch_ms) + "Z") == epoch_ms


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-29T12:00:00.5Z",
        "2024-02-29T12:00:00.500+00:00",
        "2024-02-29T13:30:00.500+0130",
        "2024-02-29t07:00:00.500-05:00",
    ],
)
def test_every_documented_form_of_one_moment_is_read(text: str) -> None:
    assert datetime_text(parse_datetime(text)) == "2024-02-29T12:00:00.500"


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-29",
        "2024-02-29T12:00:00",
        "2024-02-30T12:00:00Z",
        "2024-02-29 12:00:00Z",
        "2024-02-29T25:00:00Z",
        "x",
    ],
)
def test_another_form_of_a_datetime_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_datetime(text)


@pytest.mark.parametrize("text", ["20240229", "2024-2-29", "2023-02-29", "2024-W01-1", "29.02.2024"])
def test_another_form_of_a_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_date(text)


def test_a_time_survives_reading_and_writing() -> None:
    assert time_text(parse_time("23:59:58.007Z")) == "23:59:58.007Z"
    with pytest.raises(ValueError, match="time"):
        parse_time("24:00:00Z")
