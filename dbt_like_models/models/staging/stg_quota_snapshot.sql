select
    id as snapshot_id,
    budget,
    maximum,
    remaining,
    maximum - remaining as used,
    taken_at,
    source as told_by
from {{ source('ledger', 'quota_snapshot') }}
