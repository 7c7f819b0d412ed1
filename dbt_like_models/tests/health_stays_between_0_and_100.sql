select account_id, health_score
from {{ ref('account_usage') }}
where health_score is null or health_score not between 0 and 100
