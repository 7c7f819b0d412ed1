from __future__ import annotations

import pytest

from sf_pipelines.local.subscribe_command import _channel_of

ALL, ACCOUNT, TEAM = "/data/ChangeEvents", "/data/AccountChangeEvent", "/data/Team__chn"


@pytest.mark.parametrize(
    ("sobject", "channels", "channel"),
    [
        pytest.param("Account", [ALL], ALL, id="the channel of everything"),
        pytest.param("Account", [ALL, ACCOUNT], ACCOUNT, id="its own channel before that of everything"),
        pytest.param("Lead", [ACCOUNT, TEAM], TEAM, id="one that carries several"),
        pytest.param("Lead", [ACCOUNT], ACCOUNT, id="the only one that is read"),
    ],
)
def test_the_gaps_of_a_merge_belong_to_the_channel_of_its_object(
    sobject: str, channels: list[str], channel: str
) -> None:
    assert _channel_of(sobject, channels) == channel
