-- Health is half adoption (seats in use of the last 30 days among those of the last 90), three tenths recency
-- (nothing after 30 days of silence) and two tenths trend (events of the last week against the week before).
with usage as (
    select
        account_key,
        max(last_event_at) as last_seen_at,
        count(distinct user_key) filter (where day > {{ usage_day() }} - 30) as active_users_30d,
        count(distinct user_key) filter (where day > {{ usage_day() }} - 90) as seats_used,
        coalesce(sum(events) filter (where day > {{ usage_day() }} - 30), 0) as events_30d,
        coalesce(sum(events) filter (where day > {{ usage_day() }} - 7), 0) as events_this_week,
        coalesce(
            sum(events) filter (where day > {{ usage_day() }} - 14 and day <= {{ usage_day() }} - 7), 0
        ) as events_week_before,
        {{ usage_day() }} - max(day) as days_silent
    from {{ ref('stg_daily_usage') }}
    where day <= {{ usage_day() }}
    group by account_key
),

parts as (
    select
        *,
        coalesce(active_users_30d::numeric / nullif(seats_used, 0), 0) as adoption,
        greatest(0, 1 - days_silent / 30.0) as recency,
        case
            when events_week_before > 0 then least(1, events_this_week::numeric / events_week_before)
            when events_this_week > 0 then 1
            else 0
        end as trend
    from usage
)

-- an account that the org does not hold yet waits for its load
select
    account.account_id,
    parts.account_key,
    parts.active_users_30d,
    parts.last_seen_at,
    parts.seats_used,
    round(50 * parts.adoption + 30 * parts.recency + 20 * parts.trend)::integer as health_score,
    parts.events_30d::bigint as events_30d,
    parts.events_this_week::bigint as events_this_week,
    parts.events_week_before::bigint as events_week_before,
    parts.days_silent
from parts
inner join {{ ref('stg_account') }} as account on account.account_key = parts.account_key
