"""The nouns of an org's schema: fields, objects, the whole org.

Belongs here: frozen values and look-ups by name. Not here: reading YAML (loader.py), describe JSON
(describe.py), the nouns of rules (rules.py). Imports errors and rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.rules import DuplicateRule, LookupFilter, RecordRule

FieldType = Literal[
    "id", "reference", "string", "textarea", "picklist", "multipicklist", "combobox", "email", "url", "phone",
    "boolean", "int", "double", "currency", "percent", "date", "datetime", "time", "address",
]  # fmt: skip
TEXT_TYPES: frozenset[str] = frozenset(
    {"string", "textarea", "picklist", "multipicklist", "combobox", "email", "url", "phone"}
)
DeleteRule = Literal["clear", "cascade", "restrict"]
"""What deleting the parent does to a reference: clear it, delete its record too, or refuse the delete."""
NUMBER_TYPES: frozenset[str] = frozenset({"int", "double", "currency", "percent"})
_MISSING_TYPE = (
    "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the "
    "'__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PicklistValue:
    """One entry of a picklist."""

    value: str
    label: str
    active: bool = True
    default: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DefaultBy:
    """A default that follows another field: Opportunity.Probability follows StageName."""

    field: str
    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class FieldSchema:
    """One field of one object. Names are describe keys in snake case; lengths are in characters."""

    name: str
    label: str
    type: FieldType
    length: int = 0
    precision: int = 0
    scale: int = 0
    digits: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    defaulted_on_create: bool = False
    default_value: Any = None
    default_by: DefaultBy | None = None
    custom: bool = False
    external_id: bool = False
    id_lookup: bool = False
    unique: bool = False
    case_sensitive: bool = False
    name_field: bool = False
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None
    child_relationship_name: str | None = None
    on_delete: DeleteRule = "clear"
    lookup_filter: LookupFilter | None = None
    relationship_order: int | None = None
    """Of a master-detail field: 0 for the first one of its object, 1 for the second."""
    compound_field_name: str | None = None
    components: tuple[str, ...] = ()
    """Of an address: its component fields, street first, in the order of ADDRESS_PARTS."""
    picklist_values: tuple[PicklistValue, ...] = ()
    restricted_picklist: bool = False
    filterable: bool = True
    sortable: bool = True
    groupable: bool = True
    derived: str | None = None
    """An SQLite expression over other columns of the row that always gives the field's value."""
    formula: str | None = None
    """The text of a formula field, as the schema file has it; `derived` is its guarded form."""
    auto_number: str | None = None
    """The display format of an auto-number field: text around `{0000}`."""
    help_text: str | None = None

    @property
    def required(self) -> bool:
        """Required on create: createable, not nillable, not defaulted ([D] describe)."""
        return self.createable and not self.nillable and not self.defaulted_on_create

    @property
    def is_text(self) -> bool:
        """True for types that hold free or picked text (ids and references are not text)."""
        return self.type in TEXT_TYPES

    @property
    def is_id(self) -> bool:
        """True for the Id itself and for references."""
        return self.type in ("id", "reference")

    @property
    def is_compound(self) -> bool:
        """True for an address: it has no column of its own."""
        return self.type == "address"

    @property
    def cascade_delete(self) -> bool:
        """True when the record goes with its parent."""
        return self.on_delete == "cascade"

    @property
    def is_master_detail(self) -> bool:
        """True for the master-detail relationship of a custom object."""
        return self.relationship_order is not None

    @property
    def is_key(self) -> bool:
        """True for a field that upserts and parent look-ups may use: an external id or an idLookup field."""
        return self.external_id or self.id_lookup


ADDRESS_PARTS = (
    "Street",
    "City",
    "State",
    "PostalCode",
    "Country",
    "Latitude",
    "Longitude",
    "GeocodeAccuracy",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectSchema:
    """One sObject type. `fields` is in describe order, Id first."""

    name: str
    label: str
    label_plural: str
    key_prefix: str
    fields: tuple[FieldSchema, ...]
    custom: bool = False
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    bulk_supported: bool = True
    record_rules: tuple[RecordRule, ...] = ()
    """Triggers and validation rules, in the order in which they are asked."""
    duplicate_rules: tuple[DuplicateRule, ...] = ()
    change_events: bool = False
    """True when the schema file selects the object for change events."""

    @cached_property
    def _by_name(self) -> dict[str, FieldSchema]:
        return {item.name.lower(): item for item in self.fields}

    @cached_property
    def _by_relationship(self) -> dict[str, FieldSchema]:
        return {item.relationship_name.lower(): item for item in self.fields if item.relationship_name}

    @cached_property
    def required_fields(self) -> tuple[FieldSchema, ...]:
        """The fields that a create must fill."""
        return tuple(item for item in self.fields if item.required)

    @cached_property
    def auto_numbers(self) -> tuple[FieldSchema, ...]:
        """The fields that the org numbers by itself."""
        return tuple(item for item in self.fields if item.auto_number is not None)

    @cached_property
    def name_field(self) -> FieldSchema:
        """The field that names a record for people; the Id when it has none."""
        return next((item for item in self.fields if item.name_field), self.fields[0])

    def field(self, name: str) -> FieldSchema | None:
        """The field of that API name, any case; None when there is none."""
        return self._by_name.get(name.lower())

    def relationship(self, name: str) -> FieldSchema | None:
        """The reference field of relationship `name` (Owner, Parent__r), any case; None when unknown."""
        return self._by_relationship.get(name.lower())


@dataclass(frozen=True, kw_only=True, slots=True)
class ChildRelationship:
    """One reference from a child object to a parent, seen from the parent."""

    child: str
    field: FieldSchema


@dataclass(frozen=True, kw_only=True, eq=False)
class OrgSchema:
    """All objects of the org, by API name."""

    objects: Mapping[str, ObjectSchema] = field(default_factory=dict[str, ObjectSchema])

    @cached_property
    def _by_name(self) -> dict[str, ObjectSchema]:
        return {name.lower(): item for name, item in self.objects.items()}

    @cached_property
    def _by_prefix(self) -> dict[str, ObjectSchema]:
        return {item.key_prefix: item for item in self.objects.values()}

    @cached_property
    def _children(self) -> dict[str, tuple[ChildRelationship, ...]]:
        found: dict[str, list[ChildRelationship]] = {name: [] for name in self.objects}
        for item in self.objects.values():
            for reference in item.fields:
                for parent in reference.reference_to:
                    if parent in found:
                        found[parent].append(ChildRelationship(child=item.name, field=reference))
        return {name: tuple(children) for name, children in found.items()}

    def find(self, name: str) -> ObjectSchema | None:
        """The object of that API name, any case; None when there is none."""
        return self._by_name.get(name.lower())

    def by_prefix(self, key_prefix: str) -> ObjectSchema | None:
        """The object whose ids start with `key_prefix`; None when there is none."""
        return self._by_prefix.get(key_prefix)

    def object(
        self, name: str, *, missing: Literal["NOT_FOUND", "INVALID_TYPE"] = "NOT_FOUND"
    ) -> ObjectSchema:
        """The object of that API name, any case.

        Raises:
            SalesforceError: 404 NOT_FOUND (a bad URL), or 400 INVALID_TYPE (a bad body) by `missing`.
        """
        found = self.find(name)
        if found is not None:
            return found
        if missing == "INVALID_TYPE":
            raise SalesforceError("INVALID_TYPE", _MISSING_TYPE.format(name))
        raise SalesforceError("NOT_FOUND", "The requested resource does not exist", status=404)

    def children(self, name: str) -> tuple[ChildRelationship, ...]:
        """Every reference of the org's objects that points at object `name` (exact API name)."""
        return self._children[name]
