-- a record that its own run sent again stands for its last attempt only; the values stay in the ledger
select
    id as failed_record_id,
    run_id,
    sync,
    source_key,
    payload_hash,
    chunk,
    job_id,
    request_id,
    attempt,
    run_attempt,
    state,
    code,
    message,
    array_to_string(array(select jsonb_array_elements_text(fields)), ', ') as fields,
    class as failure_class,
    failed_at,
    next_attempt_at,
    resolved_by as resolved_by_run_id,
    superseded_by as superseded_by_run_id
from {{ source('ledger', 'failed_record') }}
where resent_in is null
