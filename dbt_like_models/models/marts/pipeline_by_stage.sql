select
    stage,
    bool_and(is_closed) as is_closed,
    bool_and(is_won) as is_won,
    count(*) as opportunities,
    count(distinct account_id) as accounts,
    count(*) filter (where account_id is null) as opportunities_without_account,
    coalesce(sum(amount), 0)::numeric(20, 2) as amount,
    coalesce(sum(amount * probability_percent / 100), 0)::numeric(20, 2) as weighted_amount,
    avg(amount)::numeric(20, 2) as mean_amount,
    avg(probability_percent)::numeric(5, 2) as mean_probability_percent,
    min(close_date) as first_close_date,
    max(close_date) as last_close_date,
    count(*) filter (where not is_closed and close_date < current_date) as opportunities_overdue
from {{ ref('stg_opportunity') }}
group by stage
