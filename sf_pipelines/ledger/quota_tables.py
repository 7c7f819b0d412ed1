"""Tables of the rail policy: what was left of the quotas, what is promised to runs, thresholds, pace.

Shapes only, in the same schema and metadata as `tables`. Written by `quota`, `thresholds`, `token_bucket`
and `deferrals`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from sf_pipelines.ledger.tables import metadata, sync_run

_OF_RUN = "ledger.sync_run.id"

quota_snapshot = Table(
    "quota_snapshot",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="order of storing"),
    Column("budget", Text, nullable=False, comment="name of the quota in /limits"),
    Column("maximum", BigInteger, nullable=False, comment="what the org grants in 24 hours"),
    Column("remaining", BigInteger, nullable=False, comment="what is left, as told, even if negative"),
    Column("taken_at", DateTime(timezone=True), nullable=False, comment="our clock when the answer came"),
    Column("source", Text, nullable=False, comment="limits, or answer for a header of any answer"),
    CheckConstraint("source IN ('limits', 'answer')", name="source"),
    Index(None, "budget", "taken_at"),
    comment="Readings of the org's quotas.",
)

quota_outlook = Table(
    "quota_outlook",
    metadata,
    Column("budget", Text, primary_key=True, comment="name of the quota in /limits"),
    Column("made_at", DateTime(timezone=True), nullable=False, comment="start of the curve"),
    Column("curve", JSONB, nullable=False, comment="expected change and its error by hours ahead"),
    comment="The newest forecast of each quota.",
)

quota_reservation = Table(
    "quota_reservation",
    metadata,
    Column("run_id", Uuid, ForeignKey(_OF_RUN), primary_key=True, comment="the run that may use it"),
    Column("budget", Text, primary_key=True, comment="name of the quota in /limits"),
    Column("amount", BigInteger, nullable=False, comment="units promised before the run sent anything"),
    Column("used", BigInteger, nullable=False, server_default="0", comment="units used so far"),
    Column("noted_at", DateTime(timezone=True), nullable=False, comment="when `used` was true"),
    Column("used_before", BigInteger, nullable=False, server_default="0", comment="an earlier `used`"),
    Column("before_at", DateTime(timezone=True), nullable=False, comment="when `used_before` was true"),
    Column("reserved_at", DateTime(timezone=True), nullable=False, comment="ledger's clock"),
    Column("lease_until", DateTime(timezone=True), nullable=False, comment="past here the run is dead"),
    Column("settled_at", DateTime(timezone=True), comment="end of the run, null while it may still use more"),
    CheckConstraint("amount >= 0 AND used >= 0 AND used_before >= 0", name="units"),
    Index("quota_reservation_live_idx", "budget", postgresql_where=text("settled_at IS NULL")),
    Index(None, "budget", "settled_at"),
    comment="Parts of the quotas that runs are entitled to.",
)

threshold = Table(
    "threshold",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="order of setting"),
    Column("name", Text, nullable=False, comment="which knob of the rail policy"),
    Column("value", Double, nullable=False, comment="holds from the next decision on"),
    Column("set_at", DateTime(timezone=True), nullable=False, comment="ledger's clock"),
    Column("set_by", Text, nullable=False, comment="who set it"),
    Column("reason", Text, nullable=False, comment="why"),
    CheckConstraint("reason <> '' AND set_by <> ''", name="explained"),
    Index(None, "name", "id"),
    comment="Thresholds of the rail policy; the newest row of a name is in force.",
)

token_bucket = Table(
    "token_bucket",
    metadata,
    Column("name", Text, primary_key=True, comment="what is paced"),
    Column("tokens", Double, nullable=False, comment="calls that may be made at once; debts are negative"),
    Column("per_minute", Double, nullable=False, comment="how fast tokens come back"),
    Column("filled_at", DateTime(timezone=True), nullable=False, comment="when `tokens` was true"),
    CheckConstraint("per_minute > 0", name="pace"),
    comment="The pace that all throttled runs of an org share.",
)

deferral = Table(
    "deferral",
    metadata,
    Column("run_id", Uuid, ForeignKey(_OF_RUN), primary_key=True, comment="the run that was not sent"),
    Column("sync", Text, nullable=False, comment="name of the declared movement"),
    Column("partition_key", Text, comment="Dagster partition, null for a run without"),
    Column("defer_until", DateTime(timezone=True), nullable=False, comment="when to ask again"),
    Column("sentence", Text, nullable=False, comment="why it was deferred"),
    Column("slice", JSONB, nullable=False, comment="the work, for the next decision"),
    Column("deferred_at", DateTime(timezone=True), nullable=False, comment="ledger's clock"),
    Column("released_at", DateTime(timezone=True), comment="when the forecast let it go, null before"),
    Index("deferral_sync_idx", "sync", "partition_key", "deferred_at"),
    comment="Work that the policy put off.",
)

Index("sync_run_sobject_started_at_idx", sync_run.c.sobject, sync_run.c.started_at)
