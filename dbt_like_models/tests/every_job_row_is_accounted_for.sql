{{ config(meta={"dagster": {"ref": {"name": "bulk_job_outcomes"}}}) }}
-- a stored job whose rows do not add up to what it carried
select outcome_id, sync, job_id, rows_in_chunk, rows_succeeded, rows_failed, rows_unprocessed
from {{ ref('bulk_job_outcomes') }}
where step = 'results_stored'
  and made_by = 'sync'
  and rows_succeeded is not null
  and rows_in_chunk <> rows_succeeded + rows_failed + rows_unprocessed
