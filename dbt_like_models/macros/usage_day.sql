{#- The day on which usage is looked at: today in UTC, or the one that SF_PIPELINES_USAGE_DAY names. -#}
{% macro usage_day() -%}
    {%- set day = env_var('SF_PIPELINES_USAGE_DAY', '') -%}
    {%- if day -%} date '{{ day }}' {%- else -%} (now() at time zone 'UTC')::date {%- endif -%}
{%- endmacro %}
