with hourly as (
    select
        budget,
        date_trunc('hour', taken_at, 'UTC') as hour,
        (array_agg(maximum order by snapshot_id desc))[1] as maximum,
        (array_agg(remaining order by snapshot_id))[1] as remaining_at_first,
        (array_agg(remaining order by snapshot_id desc))[1] as remaining_at_last,
        min(remaining) as remaining_at_least,
        count(*) as readings
    from {{ ref('stg_quota_snapshot') }}
    group by budget, date_trunc('hour', taken_at, 'UTC')
),

reserved as (
    select
        budget,
        date_trunc('hour', reserved_at, 'UTC') as hour,
        sum(units_reserved) as units_reserved,
        sum(units_used) as units_used_by_runs,
        count(distinct run_id) as runs
    from {{ ref('stg_quota_reservation') }}
    group by budget, date_trunc('hour', reserved_at, 'UTC')
)

select
    hourly.budget,
    hourly.hour,
    hourly.maximum,
    hourly.remaining_at_first,
    hourly.remaining_at_last,
    hourly.remaining_at_least,
    case
        when hourly.maximum > 0 then round(1 - hourly.remaining_at_least::numeric / hourly.maximum, 4)
    end as used_share_at_most,
    hourly.readings,
    coalesce(reserved.runs, 0) as runs,
    coalesce(reserved.units_reserved, 0) as units_reserved,
    coalesce(reserved.units_used_by_runs, 0) as units_used_by_runs
from hourly
left join reserved on reserved.budget = hourly.budget and reserved.hour = hourly.hour
