with ours as (
    select
        job.journal_id::text as outcome_id,
        'sync' as made_by,
        run.sync,
        job.job_id,
        job.sobject,
        job.operation,
        job.chunk,
        job.step,
        job.org_state,
        job.rows_in_chunk,
        job.records_processed,
        job.records_failed,
        outcome.rows_succeeded,
        outcome.rows_failed,
        outcome.rows_unprocessed,
        outcome.is_accounted,
        job.bytes_raw,
        job.processing_seconds,
        extract(epoch from job.stepped_at - job.intended_at) as wall_seconds,
        job.error_message,
        job.run_id,
        run.partition_key,
        run.dagster_run_id,
        job.stepped_at as last_seen_at
    from {{ ref('stg_bulk_job') }} as job
    inner join {{ ref('stg_sync_run') }} as run on run.run_id = job.run_id
    -- a job that was aborted has no outcome of its own: its chunk went by another
    left join {{ ref('stg_outcome_summary') }} as outcome
        on outcome.run_id = job.run_id
        and outcome.chunk = job.chunk
        and job.step = 'results_stored'
),

foreign_jobs as (
    select
        job_id as outcome_id,
        'other_application' as made_by,
        null::text as sync,
        job_id,
        sobject,
        operation,
        null::integer as chunk,
        null::text as step,
        org_state,
        null::bigint as rows_in_chunk,
        records_processed,
        records_failed,
        records_processed - records_failed as rows_succeeded,
        records_failed as rows_failed,
        null::bigint as rows_unprocessed,
        null::boolean as is_accounted,
        null::bigint as bytes_raw,
        null::numeric as processing_seconds,
        null::numeric as wall_seconds,
        null::text as error_message,
        null::uuid as run_id,
        null::text as partition_key,
        null::text as dagster_run_id,
        seen_at as last_seen_at
    from {{ ref('stg_foreign_job') }}
)

select
    *,
    case
        when records_processed > 0 then round(records_failed::numeric / records_processed, 4)
    end as failed_share,
    case
        when processing_seconds > 0 then round(records_processed / processing_seconds)
    end as records_per_second
from (
    select * from ours
    union all
    select * from foreign_jobs
) as jobs
