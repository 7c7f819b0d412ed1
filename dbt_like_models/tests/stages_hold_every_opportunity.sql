{{ config(meta={"dagster": {"ref": {"name": "pipeline_by_stage"}}}) }}
-- the stages together hold as many opportunities, and as much money, as there are
with stages as (
    select sum(opportunities) as opportunities, sum(amount) as amount from {{ ref('pipeline_by_stage') }}
),

single as (
    select count(*) as opportunities, coalesce(sum(amount), 0)::numeric(20, 2) as amount from {{ ref('stg_opportunity') }}
)

select stages.opportunities, single.opportunities as expected, stages.amount, single.amount as expected_amount
from stages
cross join single
where coalesce(stages.opportunities, 0) <> single.opportunities
   or abs(coalesce(stages.amount, 0) - single.amount) > 0.05
