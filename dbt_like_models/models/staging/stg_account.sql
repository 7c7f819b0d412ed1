select
    "Id" as account_id,
    "External_Id__c" as account_key,
    "Name" as account_name,
    "Type" as account_type,
    "Industry" as industry,
    "BillingCountry" as billing_country,
    "AnnualRevenue" as annual_revenue,
    "NumberOfEmployees" as employees,
    "OwnerId" as owner_id,
    "ParentId" as parent_account_id,
    "CreatedDate" as created_at,
    "SystemModstamp" as modified_at,
    _extracted_at as extracted_at
from {{ source('raw', 'account') }}
where "IsDeleted" is not true
