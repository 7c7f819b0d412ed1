"""The three ways into a Salesforce org, and the words that say how urgent and how important a movement is."""

from __future__ import annotations

from enum import StrEnum


class Rail(StrEnum):
    """How records travel: REST (query, Composite, Collections), Bulk API 2.0, or Change Data Capture."""

    REST = "rest"
    BULK = "bulk"
    CDC = "cdc"


class Direction(StrEnum):
    """A load goes from the warehouse to Salesforce, an extract the other way."""

    LOAD = "load"
    EXTRACT = "extract"


class Operation(StrEnum):
    """What is done to records. Values are Salesforce's own words for Bulk API 2.0 jobs."""

    INSERT = "insert"
    UPDATE = "update"
    UPSERT = "upsert"
    DELETE = "delete"
    QUERY = "query"
    QUERY_ALL = "queryAll"


class LatencyClass(StrEnum):
    """How soon a movement has to be done: in seconds, in minutes, or some time in its window."""

    INTERACTIVE = "interactive"
    NEAR_REAL_TIME = "near_real_time"
    BATCH = "batch"


class Criticality(StrEnum):
    """Who yields when quota is short: deferrable first, critical never."""

    CRITICAL = "critical"
    NORMAL = "normal"
    DEFERRABLE = "deferrable"
