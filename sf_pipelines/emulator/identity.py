"""What a new org has: its id, its one integration user, its standard price book.

Belongs here: what exists before the first call. Not here: demo data.
"""

from __future__ import annotations

from sf_pipelines.emulator.dml.engine import Dml
from sf_pipelines.emulator.ids import IdFactory
from sf_pipelines.emulator.store import Store

INTEGRATION_USERNAME = "integration@emulator.example"
_ORG_PREFIX = "00D"
_PROFILE_PREFIX = "00e"


def seed_identity(store: Store, dml: Dml, ids: IdFactory) -> dict[str, str]:
    """Make the integration user, store and return `org_id` and `user_id`."""
    user = {
        "Username": INTEGRATION_USERNAME,
        "FirstName": "Integration",
        "LastName": "User",
        "Email": INTEGRATION_USERNAME,
        "Alias": "integ",
        "IsActive": True,
        "TimeZoneSidKey": "GMT",
        "LocaleSidKey": "en_US",
        "EmailEncodingKey": "UTF-8",
        "LanguageLocaleKey": "en_US",
        "ProfileId": ids.next(_PROFILE_PREFIX),
    }
    [result] = dml.create(store.schema.object("User"), [user], "", all_or_none=True)
    if result.id is None:
        raise RuntimeError(f"The schema refuses the integration user: {result.errors[0]}")
    store.execute_many(
        'UPDATE "User" SET "CreatedById" = "Id", "LastModifiedById" = "Id" WHERE "Id" = ?', [(result.id,)]
    )
    _seed_price_book(store, dml, result.id)
    facts = {"org_id": ids.next(_ORG_PREFIX), "user_id": result.id}
    store.put_meta(facts)
    store.put_id_counters(ids.counters())
    return facts


def _seed_price_book(store: Store, dml: Dml, user_id: str) -> None:
    """Every org has one standard price book, which no caller can make."""
    book = {"Name": "Standard Price Book", "IsActive": True}
    [result] = dml.create(store.schema.object("Pricebook2"), [book], user_id, all_or_none=True)
    store.execute_many('UPDATE "Pricebook2" SET "IsStandard" = 1 WHERE "Id" = ?', [(result.id,)])
