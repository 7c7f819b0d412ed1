"""Describe JSON of the schema, with every key of a real describe ([R] CCI Account describe).

Belongs here: the wire form of objects and fields. Not here: HTTP, conditional headers. Imports model.py only.
"""

from __future__ import annotations

from typing import Any

from sf_pipelines.emulator.schema.model import ChildRelationship, FieldSchema, ObjectSchema, OrgSchema

_MAX_BATCH_SIZE = 200
_SOAP_TYPES = {"id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int",
               "double": "xsd:double", "currency": "xsd:double", "percent": "xsd:double", "date": "xsd:date",
               "datetime": "xsd:dateTime", "time": "xsd:time", "address": "urn:address"}  # fmt: skip
_MASTER_RECORD_TYPE = "012000000000000AAA"


def describe_object(schema: OrgSchema, name: str, api_version: str) -> dict[str, Any]:
    """The describe of one object; `api_version` is like "66.0".

    Raises:
        SalesforceError: 404 NOT_FOUND for an unknown object.
    """
    item = schema.object(name)
    described = _summary(item, api_version)
    described["urls"] = _urls(item, api_version, full=True)
    described["childRelationships"] = [_child(child) for child in schema.children(item.name)]
    described["recordTypeInfos"] = [_record_type(item, api_version)]
    described["fields"] = [_field(field) for field in item.fields]
    described["supportedScopes"] = [{"label": f"All {item.label_plural.lower()}", "name": "everything"}]
    described["namedLayoutInfos"] = []
    described["actionOverrides"] = []
    return described


def describe_global(schema: OrgSchema, api_version: str) -> dict[str, Any]:
    """The describe of the whole org: one summary for each object, in alphabetical order."""
    return {
        "encoding": "UTF-8",
        "maxBatchSize": _MAX_BATCH_SIZE,
        "sobjects": [_summary(schema.objects[name], api_version) for name in sorted(schema.objects)],
    }


def _summary(item: ObjectSchema, api_version: str) -> dict[str, Any]:
    return {
        "name": item.name,
        "label": item.label,
        "labelPlural": item.label_plural,
        "keyPrefix": item.key_prefix,
        "custom": item.custom,
        "createable": item.createable,
        "updateable": item.updateable,
        "deletable": item.deletable,
        "undeletable": item.deletable,
        "queryable": True,
        "replicateable": True,
        "retrieveable": True,
        "searchable": True,
        "mergeable": item.name in ("Account", "Contact", "Lead"),
        "triggerable": True,
        "activateable": False,
        "customSetting": False,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "layoutable": True,
        "mruEnabled": True,
        "urls": _urls(item, api_version, full=False),
    }


def _urls(item: ObjectSchema, api_version: str, *, full: bool) -> dict[str, str]:
    base = f"/services/data/v{api_version}/sobjects/{item.name}"
    urls = {"sobject": base, "describe": f"{base}/describe", "rowTemplate": base + "/{ID}"}
    if full:
        urls |= {
            "uiDetailTemplate": "/{ID}",
            "uiEditTemplate": "/{ID}/e",
            "uiNewRecord": f"/{item.key_prefix}/e",
        }
    return urls


def _child(relationship: ChildRelationship) -> dict[str, Any]:
    return {
        "childSObject": relationship.child,
        "field": relationship.field.name,
        "relationshipName": relationship.field.child_relationship_name,
        "cascadeDelete": relationship.field.cascade_delete,
        "restrictedDelete": relationship.field.on_delete == "restrict",
        "deprecatedAndHidden": False,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
    }


def _record_type(item: ObjectSchema, api_version: str) -> dict[str, Any]:
    layout = f"/services/data/v{api_version}/sobjects/{item.name}/describe/layouts/{_MASTER_RECORD_TYPE}"
    return {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": True,
        "developerName": "Master",
        "master": True,
        "name": "Master",
        "recordTypeId": _MASTER_RECORD_TYPE,
        "urls": {"layout": layout},
    }


def _field(field: FieldSchema) -> dict[str, Any]:
    return _identity(field) | _permissions(field) | _reference(field) | _picklist(field)


def _identity(field: FieldSchema) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": field.label,
        "type": field.type,
        "soapType": _SOAP_TYPES.get(field.type, "xsd:string"),
        "length": field.length,
        "byteLength": field.length if field.is_id else field.length * 3,
        "precision": field.precision,
        "scale": field.scale,
        "digits": field.digits,
        "custom": field.custom,
        "calculated": field.formula is not None,
        "calculatedFormula": field.formula,
        "autoNumber": field.auto_number is not None,
        "externalId": field.external_id,
        "idLookup": field.id_lookup,
        "unique": field.unique,
        "caseSensitive": field.case_sensitive,
        "nameField": field.name_field,
        "compoundFieldName": _compound_name(field),
        "extraTypeInfo": _extra_type(field),
        "htmlFormatted": False,
        "inlineHelpText": field.help_text,
        "mask": None,
        "maskType": None,
    }


def _compound_name(field: FieldSchema) -> str | None:
    """The compound that the field belongs to; a person's Name names itself."""
    return field.name if field.name_field and field.derived else field.compound_field_name


def _extra_type(field: FieldSchema) -> str | None:
    """Long text of a custom field is plain; a name that a person has is put together."""
    return "plaintextarea" if field.type == "textarea" else "personname" if _is_person_name(field) else None


def _is_person_name(field: FieldSchema) -> bool:
    return field.name_field and field.derived is not None


def _permissions(field: FieldSchema) -> dict[str, Any]:
    countable = not field.is_compound and field.filterable
    return {
        "nillable": field.nillable,
        "createable": field.createable,
        "updateable": field.updateable,
        "defaultedOnCreate": field.defaulted_on_create,
        "defaultValue": field.default_value,
        "defaultValueFormula": None,
        "filterable": field.filterable,
        "groupable": field.groupable,
        "sortable": field.sortable,
        "aggregatable": countable and field.type != "boolean",
        "permissionable": field.nillable and field.createable,
        "encrypted": False,
        "deprecatedAndHidden": False,
        "aiPredictionField": False,
        "dataTranslationEnabled": None,
        "displayLocationInDecimal": False,
        "formulaTreatNullNumberAsZero": False,
        "highScaleNumber": False,
        "queryByDistance": field.is_compound,
        "searchPrefilterable": field.type == "reference",
    }


def _reference(field: FieldSchema) -> dict[str, Any]:
    is_polymorphic = len(field.reference_to) > 1
    return {
        "referenceTo": sorted(field.reference_to),
        "relationshipName": field.relationship_name,
        "relationshipOrder": field.relationship_order,
        "referenceTargetField": None,
        "namePointing": is_polymorphic,
        "polymorphicForeignKey": is_polymorphic,
        "cascadeDelete": field.cascade_delete and field.custom,
        "restrictedDelete": field.on_delete == "restrict" and field.custom,
        "writeRequiresMasterRead": field.is_master_detail,
        "filteredLookupInfo": _filter_info(field),
    }


def _filter_info(field: FieldSchema) -> dict[str, Any] | None:
    """[R] keys; the filter of a schema file looks at nothing but the record that is named."""
    if field.lookup_filter is None:
        return None
    return {"controllingFields": [], "dependent": False, "optionalFilter": False}


def _picklist(field: FieldSchema) -> dict[str, Any]:
    return {
        "picklistValues": [
            {
                "value": entry.value,
                "label": entry.label,
                "active": entry.active,
                "defaultValue": entry.default,
                "validFor": None,
            }
            for entry in field.picklist_values
        ],
        "restrictedPicklist": field.restricted_picklist,
        "dependentPicklist": False,
        "controllerName": None,
    }
