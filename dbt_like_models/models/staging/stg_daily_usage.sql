select
    account_key,
    user_key,
    day,
    events,
    last_event_at
from {{ source('product', 'daily_usage') }}
where events > 0
