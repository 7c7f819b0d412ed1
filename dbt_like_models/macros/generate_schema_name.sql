{#- A model stands in the schema that it names, and not in one prefixed with the profile's: `mart.account_health`
    is called the same by Dagster, in SQL and in the documentation. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
