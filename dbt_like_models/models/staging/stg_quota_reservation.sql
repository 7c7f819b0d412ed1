select
    run_id,
    budget,
    amount as units_reserved,
    used as units_used,
    reserved_at,
    settled_at,
    settled_at is null as is_open
from {{ source('ledger', 'quota_reservation') }}
