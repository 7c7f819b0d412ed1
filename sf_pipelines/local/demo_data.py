"""A CRM data set made by a seed: accounts and opportunities with the defects that real exports have.

Rows only; where they go is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from faker import Faker

INDUSTRIES = (
    "Technology", "Healthcare", "Retail", "Finance", "Manufacturing", "Telecommunications", "Entertainment",
)  # fmt: skip
PRODUCTS = {"GTX Basic": 550, "GTX Pro": 4821, "GTX Plus Basic": 1096, "MG Special": 55, "MG Advanced": 3393}
STAGES = ("Prospecting", "Qualification", "Engaging", "Won", "Lost")
STAGE_WEIGHTS = (6, 12, 18, 42, 22)
FIRST_DAY = date(2026, 1, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountRow:
    """A customer as the warehouse holds it."""

    account_key: str | None
    name: str | None
    industry: str | None
    annual_revenue: str | None
    employees: str | None
    country: str | None
    website: str | None
    phone: str | None
    description: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OpportunityRow:
    """A deal as the warehouse holds it."""

    opportunity_key: str | None
    account_key: str | None
    name: str | None
    stage: str | None
    amount: str | None
    close_date: str | None
    product: str | None
    description: str | None


def account_rows(*, count: int, seed: int) -> Iterator[AccountRow]:
    """Accounts; about one in a hundred lacks its name or has too many employees for the field."""
    random, faker = Random(seed), _faker(seed)
    for number in range(count):
        name: str | None = faker.company()
        employees = str(random.randint(5, 40_000))
        if number % 97 == 41:
            name = None
        if number % 151 == 77:
            employees = "9" * 10
        yield AccountRow(
            account_key=f"A-{number:05d}",
            name=name,
            industry=random.choice(INDUSTRIES),
            annual_revenue=f"{random.uniform(1e5, 9e8):.2f}",
            employees=employees,
            country=faker.country(),
            website=faker.url(),
            phone=faker.numerify("+1 ###-###-####"),
            description=f'"{faker.catch_phrase()}",\nsays {faker.name()}' if number % 10 == 0 else None,
        )


def opportunity_rows(*, count: int, accounts: int, seed: int) -> Iterator[OpportunityRow]:
    """Opportunities of those accounts; a few have one of the DEFECTS."""
    random, faker = Random(seed + 1), _faker(seed + 1)
    names = [faker.last_name() for _ in range(200)]
    for number in range(count):
        stage = random.choices(STAGES, STAGE_WEIGHTS)[0]
        product, price = random.choice(list(PRODUCTS.items()))
        row = OpportunityRow(
            opportunity_key=f"O-{number:06d}",
            account_key=f"A-{random.randrange(accounts):05d}",
            name=f"{random.choice(names)} {product}",
            stage=stage,
            amount=f"{price * random.uniform(0.7, 1.1):.2f}" if stage == "Won" else None,
            close_date=(FIRST_DAY + timedelta(days=random.randrange(365))).isoformat(),
            product=product,
            description=None,
        )
        yield _with_defect(row, random.random())


DEFECTS: tuple[tuple[float, dict[str, str | None]], ...] = (
    (0.008, {"account_key": "X-99999"}),
    (0.005, {"close_date": None}),
    (0.004, {"close_date": "31/02/2026"}),
    (0.003, {"name": "very " * 40 + "long"}),
    (0.002, {"stage": "Wonn"}),
    (0.028, {"account_key": None}),
)
"""Share of rows, and what is wrong with them; the last is unusual but allowed: a deal without an account."""


def _with_defect(row: OpportunityRow, chance: float) -> OpportunityRow:
    for share, defect in DEFECTS:
        if chance < share:
            return replace(row, **defect)
        chance -= share
    return row


def _faker(seed: int) -> Faker:
    faker = Faker("en_US")
    faker.seed_instance(seed)
    return faker
