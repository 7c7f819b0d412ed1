"""What every contender asks for. Imports nothing, so that any environment can read it."""

from __future__ import annotations

FIELDS = (
    "Id", "SystemModstamp", "IsDeleted", "CreatedDate", "Name", "Type", "Phone", "Fax", "AccountNumber",
    "Website", "Sic", "Industry", "AnnualRevenue", "NumberOfEmployees", "Ownership", "TickerSymbol", "Rating",
    "Site", "BillingCity", "Description",
)  # fmt: skip
"""Twenty fields of text, numbers, dates, flags and picklists."""

SOQL = f"SELECT {', '.join(FIELDS)} FROM Account"

DATA = "/services/data/v62.0"
