"""Salesforce's limits as constants, each with its source in Salesforce's own documents.

BULKG is the Bulk API 2.0 guide v66, RESTG the REST API guide v62. No behaviour belongs here.
"""

from __future__ import annotations

BULK_BATCH_ROWS = 10_000
"""Rows of one internal Bulk batch [D BULKG]."""

BULK_JOB_MAX_BYTES_RAW = 100_000_000
"""Raw CSV per ingest job: the documented 150 MB count content after base64, half as much again [D BULKG]."""

BULK_FIELD_MAX_CHARACTERS = 131_072
"""Longest value of one field in an ingest CSV [BULKG, newer table]."""

COLLECTION_MAX_ROWS = 200
"""Records in one sObject Collections request [D RESTG]."""

COMPOSITE_MAX_COLLECTIONS = 5
"""Collections (or queries) among the 25 subrequests of one Composite request [D RESTG]."""

COMPOSITE_MAX_ROWS = COLLECTION_MAX_ROWS * COMPOSITE_MAX_COLLECTIONS
"""Records that one metered REST call can write."""

QUERY_PAGE_MAX_ROWS = 2_000
"""Largest page of a REST query [D RESTG]."""

SOQL_MAX_CHARACTERS = 100_000
"""Longest SOQL statement [D]."""

REST_BODY_MAX_BYTES = 50_000_000
"""Largest JSON body sent; the org refuses more than 52,428,800 bytes [R]."""

BULK_RESULT_PAGE_ROWS = 100_000
"""Rows asked for in one page of Bulk query results: few calls a million rows, yet cheap to ask for again."""

BULK_RECORD_MAX_CHARACTERS = 400_000
"""Longest record of an ingest CSV, all its values together [D BULKG]."""

BULK_RECORDS_PER_DAY = 150_000_000
"""Records that ingest jobs take in the rolling 24 hours [D BULKG]; `/limits` does not tell what is left."""

CHANGE_EVENT_RETENTION_HOURS = 72
"""How long change events can be replayed; the org may purge them later, never earlier [D CDCG]."""

MAX_EVENTS_REQUESTED = 100
"""Events that a Pub/Sub stream may have been asked for and not have delivered yet [D PROTO]."""

KEEPALIVE_SECONDS = 270
"""A stream with events asked for gives an answer, be it an empty one, at least this often [D PROTO]."""
