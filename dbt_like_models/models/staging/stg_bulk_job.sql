select
    id as journal_id,
    run_id,
    job_id,
    sobject,
    operation,
    chunk,
    step,
    org_state,
    rows as rows_in_chunk,
    bytes_raw,
    records_processed,
    records_failed,
    processing_milliseconds / 1000.0 as processing_seconds,
    error_message,
    intended_at,
    stepped_at
from {{ source('ledger', 'bulk_job') }}
