-- a budget stands once in an hour, so that sums over hours count nothing twice
select budget, hour, count(*) as rows_of_the_hour
from {{ ref('quota_usage') }}
group by budget, hour
having count(*) > 1
