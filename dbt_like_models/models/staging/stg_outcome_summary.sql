select
    run_id,
    chunk,
    rail,
    submitted as rows_submitted,
    succeeded as rows_succeeded,
    failed as rows_failed,
    unprocessed as rows_unprocessed,
    created as rows_created,
    accounted as is_accounted,
    jsonb_array_length(disagreements) as disagreements,
    stored_at
from {{ source('ledger', 'outcome_summary') }}
