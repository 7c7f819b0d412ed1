with lineage as (
    select
        record.*,
        run.sobject,
        run.partition_key,
        run.dagster_run_id,
        run.state as run_state,
        case when record.job_id is not null then 'bulk' else 'rest' end as rail,
        case
            when record.resolved_by_run_id is not null then 'resolved'
            when record.superseded_by_run_id is not null then 'superseded'
            when record.next_attempt_at is not null then 'waits_for_retry'
            else 'waits_for_a_person'
        end as lineage_state,
        resolver.finished_at as resolved_at
    from {{ ref('stg_failed_record') }} as record
    inner join {{ ref('stg_sync_run') }} as run on run.run_id = record.run_id
    left join {{ ref('stg_sync_run') }} as resolver on resolver.run_id = record.resolved_by_run_id
)

select
    failed_record_id,
    sync,
    sobject,
    source_key,
    lineage_state,
    lineage_state in ('waits_for_retry', 'waits_for_a_person') as is_open,
    state,
    code,
    message,
    fields,
    failure_class,
    rail,
    job_id,
    request_id,
    chunk,
    attempt,
    run_attempt,
    run_id,
    run_state,
    partition_key,
    dagster_run_id,
    payload_hash,
    failed_at,
    next_attempt_at,
    resolved_by_run_id,
    resolved_at,
    superseded_by_run_id
from lineage
