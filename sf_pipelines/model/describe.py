"""What an org says about an object: the part of a describe answer that moving records needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

COMPOUND_TYPES = frozenset({"address", "location"})
LOCKING_REFERENCES = frozenset({"AccountId", "OpportunityId", "CampaignId"})
"""Standard references that lock: Contact, Opportunity, Case to Account; line items and contact roles to
Opportunity; campaign members to Campaign ([D] record locking cheat sheet)."""

TYPES_REFUSED_BY_BULK = COMPOUND_TYPES | {"base64", "complexvalue", "json", "junctionidlist"}


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldDescribe:
    """One field of an sObject; names and meanings as in Salesforce's describe ([D] RESTG 3.1)."""

    name: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    calculated: bool = False
    external_id: bool = False
    id_lookup: bool = False
    defaulted_on_create: bool = False
    unique: bool = False
    cascade_delete: bool = False
    restricted_delete: bool = False
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None
    compound_field_name: str | None = None

    @property
    def is_required_on_create(self) -> bool:
        """Whether a create without this field is refused."""
        return self.createable and not self.nillable and not self.defaulted_on_create

    @property
    def locks_its_parent(self) -> bool:
        """Whether a write of this reference locks the record that it points to until the transaction ends.

        A master-detail always does, and so does a lookup unless it is cleared when the parent is deleted
        ([D] record locking cheat sheet). Describe shows that as a custom reference that cascades, restricts
        or cannot be null; of standard references it does not tell, so those are named.
        """
        if not self.reference_to:
            return False
        if self.name.endswith("__c"):
            return self.cascade_delete or self.restricted_delete or not self.nillable
        return self.name in LOCKING_REFERENCES

    @property
    def is_carried_by_bulk(self) -> bool:
        """Whether a Bulk API 2.0 query can select it ([D] BULKG: no compound or binary fields)."""
        return self.type.lower() not in TYPES_REFUSED_BY_BULK


@dataclass(frozen=True, kw_only=True, slots=True)
class SObjectDescribe:
    """One sObject and its fields by API name, in the org's order."""

    name: str
    key_prefix: str | None
    createable: bool
    updateable: bool
    deletable: bool
    queryable: bool
    fields: Mapping[str, FieldDescribe]

    def field(self, name: str) -> FieldDescribe | None:
        """The field of that API name, whatever its case; None where the object has none."""
        found = self.fields.get(name)
        if found is not None:
            return found
        folded = name.casefold()
        return next((item for item in self.fields.values() if item.name.casefold() == folded), None)
