select
    job_id,
    sobject,
    operation,
    created_by,
    org_state,
    records_processed,
    records_failed,
    seen_at
from {{ source('ledger', 'foreign_job') }}
