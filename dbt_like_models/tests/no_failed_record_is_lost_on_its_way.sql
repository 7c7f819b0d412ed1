{{ config(meta={"dagster": {"ref": {"name": "failed_record_lineage"}}}) }}
-- every record that the ledger counts as not having reached the org stands in the lineage
select record.failed_record_id, record.run_id, record.source_key
from {{ ref('stg_failed_record') }} as record
left join {{ ref('failed_record_lineage') }} as lineage
    on lineage.failed_record_id = record.failed_record_id
where lineage.failed_record_id is null
