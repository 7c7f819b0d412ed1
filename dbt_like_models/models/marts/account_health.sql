with deals as (
    select
        account_id,
        count(*) filter (where not is_closed) as open_opportunities,
        coalesce(sum(amount) filter (where not is_closed), 0)::numeric(20, 2) as open_amount,
        count(*) filter (where is_won) as won_opportunities,
        coalesce(sum(amount) filter (where is_won), 0)::numeric(20, 2) as won_amount,
        max(close_date) filter (where is_won) as last_won_date
    from {{ ref('stg_opportunity') }}
    where account_id is not null
    group by account_id
),

failures as (
    select
        source_key as account_key,
        count(*) as open_failures
    from {{ ref('failed_record_lineage') }}
    where sobject = 'Account' and is_open
    group by source_key
)

select
    account.account_id,
    account.account_key,
    account.account_name,
    account.industry,
    account.billing_country,
    coalesce(deals.open_opportunities, 0) as open_opportunities,
    coalesce(deals.open_amount, 0) as open_amount,
    coalesce(deals.won_opportunities, 0) as won_opportunities,
    coalesce(deals.won_amount, 0) as won_amount,
    deals.last_won_date,
    usage.active_users_30d,
    usage.seats_used,
    usage.last_seen_at,
    usage.health_score,
    case
        when usage.health_score is null then 'unknown'
        when usage.health_score < 40 then 'at_risk'
        when usage.health_score < 70 then 'watch'
        else 'healthy'
    end as health,
    coalesce(failures.open_failures, 0) as open_failures,
    account.modified_at,
    account.extracted_at
from {{ ref('stg_account') }} as account
left join deals on deals.account_id = account.account_id
left join {{ ref('account_usage') }} as usage on usage.account_id = account.account_id
left join failures on failures.account_key = account.account_key
