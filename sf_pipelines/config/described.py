"""Every setting with its meaning: the one list behind the docs, the doctor and the files in deploy/.

A test holds it against what `load_settings` really reads.
"""

from __future__ import annotations

from dataclasses import dataclass

from sf_pipelines.config.environment import PREFIX


@dataclass(frozen=True, kw_only=True, slots=True)
class DescribedSetting:
    """One environment variable.

    Attributes:
        default: what holds where it is not set, in words.
        is_secret: whether its value must never be shown.
    """

    name: str
    meaning: str
    default: str
    is_secret: bool = False

    @property
    def variable(self) -> str:
        """The name of the environment variable."""
        return PREFIX + self.name


def _setting(name: str, meaning: str, default: str = "none", *, secret: bool = False) -> DescribedSetting:
    return DescribedSetting(name=name, meaning=meaning, default=default, is_secret=secret)


SETTINGS: tuple[DescribedSetting, ...] = (
    _setting("HOME", "folder of the embedded parts, and of payloads under way", "`.sf_pipelines`"),
    _setting(
        "DATABASE_URL",
        "PostgreSQL of Dagster's storage, the ledger and the warehouse",
        "the embedded server",
        secret=True,
    ),
    _setting("LAKE", "folder or URL of the Parquet lake", "`lake` in the home folder"),
    _setting("SALESFORCE_URL", "the org's My Domain address, https", "the embedded emulator"),
    _setting(
        "SALESFORCE_FLOW",
        "OAuth flow: `client_credentials`, `jwt_bearer`, `refresh_token` or `password`",
        "`client_credentials`",
    ),
    _setting("SALESFORCE_CLIENT_ID", "consumer key of the connected app"),
    _setting("SALESFORCE_CLIENT_SECRET", "consumer secret of the connected app", secret=True),
    _setting("SALESFORCE_USERNAME", "user of the flows `jwt_bearer` and `password`"),
    _setting("SALESFORCE_PASSWORD", "password of the flow `password`", secret=True),
    _setting("SALESFORCE_SECURITY_TOKEN", "what that flow appends to the password", secret=True),
    _setting("SALESFORCE_REFRESH_TOKEN", "token of the flow `refresh_token`", secret=True),
    _setting("SALESFORCE_JWT_PRIVATE_KEY_FILE", "PEM file of the private key of the flow `jwt_bearer`"),
    _setting(
        "SALESFORCE_JWT_AUDIENCE",
        "audience of the assertion; `https://test.salesforce.com` for a sandbox",
        "`https://login.salesforce.com`",
    ),
    _setting("SALESFORCE_API_VERSION", "version of the API that is spoken", "`66.0`"),
    _setting(
        "EXTRACT_LAG_SECONDS",
        "how far behind the org's clock an extract ends, so that transactions in flight are not missed",
        "`300`; `0` on the emulator",
    ),
    _setting(
        "CHECK_SYNCS",
        "what a load that contradicts the org does while definitions load: `refuse`, `warn` or `off`",
        "`refuse`",
    ),
    _setting("DBT_PROJECT", "folder of the dbt project", "the one that is shipped"),
    _setting("DBT_TARGET", "folder for what dbt writes", "beside the project, or in the home folder"),
    _setting("PUBSUB_URL", "address of the Pub/Sub API", "`https://api.pubsub.salesforce.com:443`"),
    _setting("CHANNELS", "channels of change events, separated by commas", "`/data/ChangeEvents`"),
    _setting(
        "CHANGES_FIRST_START",
        "where a channel begins that was never read: `earliest` or `latest`",
        "`latest`",
    ),
    _setting(
        "CHANGES_RESTART",
        "where a channel begins whose position the org takes no more: `earliest` or `latest`",
        "`earliest`",
    ),
    _setting("NOTICE_WEBHOOK_URL", "where failures are told: takes Slack-compatible JSON", secret=True),
    _setting(
        "SMTP_URL",
        "mail server: `smtp://user:password@host:587` (TLS before anything is told) or `smtps://`",
        secret=True,
    ),
    _setting("NOTICE_EMAIL_TO", "addresses that failures are told to, separated by commas"),
    _setting("NOTICE_EMAIL_FROM", "sender of those messages", "`sf-pipelines@localhost`"),
    _setting("UI_URL", "address of the Dagster UI, for links in notices"),
    _setting("LOG_FORMAT", "logs of the services: `text` or `json`", "`text`"),
)

STORAGE_URL = f"{PREFIX}DAGSTER_STORAGE_URL"
"""Read by deploy/dagster.yaml alone: PostgreSQL of Dagster's storage; `sf-pipelines dev` sets it."""
