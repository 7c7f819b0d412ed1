"""What Salesforce does by itself on its standard objects, beyond what a schema can say.

Prices of line items, price book entries, totals of opportunities, closed cases, members of campaigns.
Belongs here: values that follow from other records, and the refusals that go with them. Not here: fields,
defaults and formulas (schema/standard/*.yaml).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sf_pipelines.emulator.absent import ABSENT
from sf_pipelines.emulator.dml import errors
from sf_pipelines.emulator.dml.batch import Batch
from sf_pipelines.emulator.dml.writer import Stamp
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema
from sf_pipelines.emulator.store import Store, quoted


def complete(batch: Batch, store: Store, stamp: Stamp, *, creating: bool) -> None:
    """Fill what follows from other records (in storage form), and fail rows that contradict them."""
    rule = (_ON_CREATE if creating else _ON_UPDATE).get(batch.item.name)
    if rule is not None and batch.size:
        rule(batch, store, stamp)


def follow_up(batch: Batch, store: Store, stamp: Stamp) -> None:
    """Bring the parents of the written rows up to date."""
    ids = [batch.ids[row] for row in batch.good_rows()]
    if batch.item.name == "Opportunity" and any(field.name == "Amount" for field in batch.columns):
        # An amount that products make up can't be written ([D] object reference: such updates are ignored).
        total_opportunities(store, ids, stamp, only_with_products=True)
    total_opportunities(store, totalled_parents(batch.item, ids, store), stamp)


def totalled_parents(item: ObjectSchema, ids: Iterable[str], store: Store) -> list[str]:
    """The opportunities whose totals the records of `ids` are part of."""
    if item.name != "OpportunityLineItem":
        return []
    select = f'SELECT DISTINCT "OpportunityId" FROM {quoted(item.name)}'
    return [row[0] for row in store.select_in(select, "Id", ids)]


def total_opportunities(
    store: Store, ids: Iterable[str], stamp: Stamp, *, only_with_products: bool = False
) -> None:
    """Set amount, quantity, price book and the mark of products of live opportunities by their items."""
    assignments = ", ".join(f"{quoted(name)} = {value!r}" for name, value in stamp.modified().items())
    tail = 'AND "IsDeleted" = 0' + (' AND "HasOpportunityLineItem" = 1' if only_with_products else "")
    store.run_in(f'UPDATE "Opportunity" SET {_TOTALS}, {assignments}', "Id", ids, tail)


_ENTRY_FIELDS = ("Pricebook2Id", "Product2Id", "ProductCode", "Name", "UnitPrice", "IsActive")
_ITEMS = 'FROM "OpportunityLineItem" i WHERE i."OpportunityId" = "Opportunity"."Id" AND i."IsDeleted" = 0'
_BOOK = 'JOIN "PricebookEntry" e ON e."Id" = i."PricebookEntryId" WHERE'
_TOTALS = f"""
"Amount" = ifnull((SELECT sum(i."TotalPrice") {_ITEMS}), "Amount"),
"TotalOpportunityQuantity" = ifnull((SELECT sum(i."Quantity") {_ITEMS}), "TotalOpportunityQuantity"),
"HasOpportunityLineItem" = EXISTS (SELECT 1 {_ITEMS}),
"Pricebook2Id" = ifnull("Pricebook2Id", (SELECT e."Pricebook2Id" {_ITEMS.replace("WHERE", _BOOK)} LIMIT 1))
"""


def _create_line_items(batch: Batch, store: Store, stamp: Stamp) -> None:
    entries = _look_up(batch, store, "PricebookEntryId", "PricebookEntry", _ENTRY_FIELDS)
    deals = _look_up(batch, store, "OpportunityId", "Opportunity", ("Pricebook2Id", "Name"))
    filled: dict[str, list[Any]] = {
        name: [None] * batch.size for name in ("Product2Id", "ProductCode", "Name", "ListPrice")
    }
    for row in batch.good_rows():
        entry, deal = entries.get(row), deals.get(row, (None, ""))
        refusal = _refused_entry(entry, deal[0])
        if refusal is not None or entry is None:
            batch.fail(row, errors.field_integrity("PricebookEntryId", refusal or ""))
            continue
        _, product, code, name, price, _ = entry
        values = (product, code, f"{deal[1]} {name}", price)
        for column, value in zip(filled.values(), values, strict=True):
            column[row] = value
    for name, values in filled.items():
        batch.columns[_field(batch, name)] = values
    _price_line_items(batch, {}, is_required=True)


def _refused_entry(entry: Sequence[Any] | None, book_of_deal: str | None) -> str | None:
    """Why a price book entry can't be sold in an opportunity of that price book ([I] texts but the last)."""
    if entry is None:
        return "pricebook entry has not been specified"
    if not entry[5]:
        return "pricebook entry is inactive"
    if book_of_deal is not None and entry[0] != book_of_deal:
        return "pricebook entry is in a different pricebook than the one assigned to the opportunity"
    return None


def _update_line_items(batch: Batch, store: Store, stamp: Stamp) -> None:
    select = 'SELECT "Id", "Quantity" FROM "OpportunityLineItem"'
    stored = dict(store.select_in(select, "Id", [batch.ids[row] for row in batch.good_rows()]))
    _price_line_items(batch, stored, is_required=False)


def _price_line_items(batch: Batch, stored_quantity: Mapping[str, Any], *, is_required: bool) -> None:
    """A caller gives the unit price or the total, not both; the total is then worked out from the former."""
    totals = batch.columns.pop(_field(batch, "TotalPrice"), [ABSENT] * batch.size)
    prices = list(_values(batch, "UnitPrice"))
    quantities = _values(batch, "Quantity")
    for row in batch.good_rows():
        total = None if totals[row] is ABSENT else totals[row]
        has_price = prices[row] is not ABSENT and prices[row] is not None
        quantity = stored_quantity.get(batch.ids[row]) if quantities[row] is ABSENT else quantities[row]
        if total is not None and has_price:
            reason = "may not specify both UnitPrice and TotalPrice"
            batch.fail(row, errors.field_integrity("unknown", reason))
        elif total is not None and quantity:
            prices[row] = round(total / quantity, 2)
        elif total is None and not has_price and (is_required or prices[row] is None):
            batch.fail(row, errors.field_integrity("unknown", "must specify either UnitPrice or TotalPrice"))
    batch.columns[_field(batch, "UnitPrice")] = prices


def _create_entries(batch: Batch, store: Store, stamp: Stamp) -> None:
    """A product is sold in any price book only after it has a standard price, and once in each."""
    products = _look_up(batch, store, "Product2Id", "Product2", ("Name", "ProductCode"))
    books = _look_up(batch, store, "Pricebook2Id", "Pricebook2", ("IsStandard",))
    wanted = {_values(batch, "Product2Id")[row] for row in batch.good_rows()}
    select = 'SELECT "Product2Id", "Pricebook2Id", "UnitPrice" FROM "PricebookEntry"'
    rows = list(store.select_in(select, "Product2Id", wanted, 'AND "IsDeleted" = 0'))
    taken = {(product, book) for product, book, _ in rows}
    [standard] = store.execute('SELECT "Id" FROM "Pricebook2" WHERE "IsStandard" = 1') or [("",)]
    prices = {product: price for product, book, price in rows if book == standard[0]}
    for row in batch.good_rows():
        product, book = _values(batch, "Product2Id")[row], _values(batch, "Pricebook2Id")[row]
        if (product, book) in taken:
            batch.fail(row, _price_exists())
        elif not books[row][0] and product not in prices:
            batch.fail(row, _no_standard_price())
        taken.add((product, book))
        if books[row][0]:
            prices.setdefault(product, _values(batch, "UnitPrice")[row])
        elif _values(batch, "UseStandardPrice")[row] == 1 and product in prices:
            _values(batch, "UnitPrice")[row] = prices[product]
    for position, name in enumerate(("Name", "ProductCode")):
        known = [products[row][position] if row in products else None for row in range(batch.size)]
        batch.columns[_field(batch, name)] = known


def _price_exists() -> SalesforceError:
    return SalesforceError(
        "DUPLICATE_VALUE", "This price definition already exists in this price book", fields=()
    )


def _no_standard_price() -> SalesforceError:
    return SalesforceError(
        "STANDARD_PRICE_NOT_DEFINED", "No standard price defined for this product", fields=()
    )


def _create_cases(batch: Batch, store: Store, stamp: Stamp) -> None:
    """A case of a contact is a case of the contact's account, unless the caller names another."""
    contacts = _look_up(batch, store, "ContactId", "Contact", ("AccountId",))
    if contacts:
        accounts = list(_values(batch, "AccountId"))
        for row, (account,) in contacts.items():
            accounts[row] = account if accounts[row] is ABSENT else accounts[row]
        batch.columns[_field(batch, "AccountId")] = accounts
    _close_cases(batch, store, stamp)


def _close_cases(batch: Batch, store: Store, stamp: Stamp) -> None:
    """A case that gets its closed status gets its closed date; one that is opened again loses it."""
    statuses = _values(batch, "Status")
    if all(status is ABSENT for status in statuses):
        return
    ids = [id_ for id_ in batch.ids if isinstance(id_, str)]
    stored = dict(store.select_in('SELECT "Id", "ClosedDate" FROM "Case"', "Id", ids))
    closed: list[Any] = []
    for id_, status in zip(batch.ids, statuses, strict=True):
        before = stored.get(id_)
        if status is ABSENT:
            closed.append(before)
        else:
            closed.append((before or stamp.epoch_ms) if status == "Closed" else None)
    batch.columns[_field(batch, "ClosedDate")] = closed


def _create_members(batch: Batch, store: Store, stamp: Stamp) -> None:
    """A member is one lead or one contact, once in a campaign."""
    columns = [_values(batch, name) for name in ("CampaignId", "LeadId", "ContactId")]
    campaigns = {columns[0][row] for row in batch.good_rows()}
    select = 'SELECT "CampaignId", "LeadOrContactId" FROM "CampaignMember"'
    taken = set(store.select_in(select, "CampaignId", campaigns, 'AND "IsDeleted" = 0'))
    for row in batch.good_rows():
        campaign, lead, contact = (column[row] or None for column in columns)
        if (lead is None) == (contact is None):
            batch.fail(row, errors.field_integrity("unknown", "must specify either LeadId or ContactId"))
        elif (campaign, contact or lead) in taken:
            batch.fail(row, SalesforceError("DUPLICATE_VALUE", "Already a campaign member.", fields=()))
        taken.add((campaign, contact or lead))


def _look_up(
    batch: Batch, store: Store, reference: str, parent: str, names: Sequence[str]
) -> dict[int, Sequence[Any]]:
    """The values `names` of the parent of each good row that has one."""
    ids = _values(batch, reference)
    wanted = {row: ids[row] for row in batch.good_rows() if ids[row]}
    select = f'SELECT "Id", {", ".join(map(quoted, names))} FROM {quoted(parent)}'
    found = {row[0]: row[1:] for row in store.select_in(select, "Id", wanted.values())}
    return {row: found[id_] for row, id_ in wanted.items() if id_ in found}


def _field(batch: Batch, name: str) -> FieldSchema:
    field = batch.item.field(name)
    if field is None:
        raise LookupError(f"The shipped {batch.item.name} has no field {name}.")
    return field


def _values(batch: Batch, name: str) -> list[Any]:
    return batch.columns.get(_field(batch, name), [ABSENT] * batch.size)


_Rule = Callable[[Batch, Store, Stamp], None]
_ON_CREATE: Mapping[str, _Rule] = {
    "OpportunityLineItem": _create_line_items,
    "PricebookEntry": _create_entries,
    "Case": _create_cases,
    "CampaignMember": _create_members,
}
_ON_UPDATE: Mapping[str, _Rule] = {"OpportunityLineItem": _update_line_items, "Case": _close_cases}
