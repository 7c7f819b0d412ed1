"""The described settings are those that are read, and nothing secret is described as open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sf_pipelines.config.described import SETTINGS
from sf_pipelines.config.settings import AuthFlow, load_settings
from sf_pipelines.local.logs import LogFormat, configure_logs, secrets_of

READ_BY_LOGS = "SF_PIPELINES_LOG_FORMAT"
SAMPLES = {
    "SF_PIPELINES_SALESFORCE_FLOW": AuthFlow.PASSWORD.value,
    "SF_PIPELINES_SALESFORCE_URL": "https://acme.test",
    "SF_PIPELINES_PUBSUB_URL": "https://pubsub.test",
    "SF_PIPELINES_SMTP_URL": "smtp://user:seeded-SF_PIPELINES_SMTP_URL@mail.test",
    "SF_PIPELINES_CHANNELS": "/data/ChangeEvents",
    "SF_PIPELINES_CHANGES_FIRST_START": "latest",
    "SF_PIPELINES_CHANGES_RESTART": "latest",
    "SF_PIPELINES_CHECK_SYNCS": "warn",
    "SF_PIPELINES_EXTRACT_LAG_SECONDS": "1",
    READ_BY_LOGS: LogFormat.JSON.value,
}


class Recorder(Mapping[str, str]):
    """An environment in which everything is set, and that keeps what was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return SAMPLES.get(name, f"seeded-{name}")

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_every_setting_that_is_read_is_described_and_every_described_one_is_read() -> None:
    environment = Recorder()

    load_settings(environment)
    configure_logs(environment)

    assert environment.asked == {setting.variable for setting in SETTINGS}


def test_every_secret_is_described_as_one() -> None:
    hidden = secrets_of(Recorder())

    for setting in SETTINGS:
        is_hidden = any(f"seeded-{setting.variable}" in text for text in hidden)
        assert is_hidden == setting.is_secret, setting.variable


def test_every_setting_says_what_it_means() -> None:
    assert all(setting.meaning and setting.default for setting in SETTINGS)
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)
