select
    "Id" as opportunity_id,
    "External_Id__c" as opportunity_key,
    "AccountId" as account_id,
    "Name" as opportunity_name,
    "StageName" as stage,
    "Amount" as amount,
    "Probability" as probability_percent,
    "CloseDate" as close_date,
    "IsClosed" as is_closed,
    "IsWon" as is_won,
    "OwnerId" as owner_id,
    "CreatedDate" as created_at,
    "SystemModstamp" as modified_at,
    _extracted_at as extracted_at
from {{ source('raw', 'opportunity') }}
where "IsDeleted" is not true
