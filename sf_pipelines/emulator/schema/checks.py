"""Checks of a whole schema: what can be seen only once every object is known.

Belongs here: targets of references, names of relationships, expressions against the table. Not here: one
field's keys (field_keys.py). Imports columns, expressions, model, yaml_lines.
"""

from __future__ import annotations

from sf_pipelines.emulator.schema.columns import table_columns
from sf_pipelines.emulator.schema.errors import SchemaError
from sf_pipelines.emulator.schema.expressions import check_condition, check_formula
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema, OrgSchema
from sf_pipelines.emulator.schema.yaml_lines import Document


def check_schema(schema: OrgSchema, document: Document) -> None:
    """Check what `document` added to the schema.

    Raises:
        SchemaError: with file and line.
    """
    for item in schema.objects.values():
        for field in item.fields:
            if field.custom and field.type == "reference":
                with document.at(item.name, "fields", field.name):
                    _check_targets(schema, item, field)
        _check_relationships(item, document)
        _check_formulas(item, document)
        _check_rules(item, document)
    _check_children(schema, document)


def _check_targets(schema: OrgSchema, item: ObjectSchema, field: FieldSchema) -> None:
    """A custom reference must point at an object of the org; standard ones may name others."""
    missing = [name for name in field.reference_to if name not in schema.objects]
    if missing:
        raise SchemaError(f"{item.name}.{field.name} refers to {missing[0]}, which isn't in the schema.")
    if field.is_master_detail and item.name in field.reference_to:
        raise SchemaError(f"{item.name}.{field.name}: an object can't be the master of itself; use a lookup.")
    if field.lookup_filter is not None:
        if len(field.reference_to) != 1:
            raise SchemaError(f"{item.name}.{field.name}: a look-up with a 'filter' has one target.")
        columns = table_columns(schema.objects[field.reference_to[0]])
        place = f"The filter of {item.name}.{field.name}"
        check_condition(columns, field.lookup_filter.condition, place)


def _check_relationships(item: ObjectSchema, document: Document) -> None:
    seen: set[str] = set()
    for field in item.fields:
        name = (field.relationship_name or "").lower()
        if name and name in seen:
            with document.at(item.name, "fields", field.name):
                raise SchemaError(
                    f"{item.name}.{field.name}: the relationship {field.relationship_name} exists already."
                )
        seen.add(name)


def _check_children(schema: OrgSchema, document: Document) -> None:
    for parent in schema.objects:
        seen: set[str] = set()
        for child in schema.children(parent):
            name = (child.field.child_relationship_name or "").lower()
            if name and name in seen:
                with document.at(child.child, "fields", child.field.name):
                    raise SchemaError(
                        f"{child.child}.{child.field.name}: {parent} has children named "
                        f"{child.field.child_relationship_name} already; choose another 'children'."
                    )
            seen.add(name)


def _check_formulas(item: ObjectSchema, document: Document) -> None:
    """A formula may use every plain field, and the formulas above it."""
    formulas = [field for field in item.fields if field.formula is not None]
    if not formulas:
        return
    columns = table_columns(item)
    known = {name: text for name, text in columns.items() if all(name != field.name for field in formulas)}
    known = {name: text for name, text in known.items() if "$" not in name}
    for field in formulas:
        known[field.name] = columns[field.name]
        with document.at(item.name, "fields", field.name, "formula"):
            check_formula(known, field.name, field.formula or "", f"The formula of {item.name}.{field.name}")


def _check_rules(item: ObjectSchema, document: Document) -> None:
    columns = table_columns(item) if item.record_rules else {}
    for rule in item.record_rules:
        with document.at(item.name, "triggers" if rule.kind == "trigger" else "validation_rules"):
            check_condition(columns, rule.condition, f"The condition of {item.name}.{rule.name}")
