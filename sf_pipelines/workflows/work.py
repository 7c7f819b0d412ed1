"""One load under way in one process: what it moves, for which run, and how its rows are told apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from sf_pipelines.lake.chunk import PayloadChunk
from sf_pipelines.lake.row_hashes import NUMBER_TYPES, RowIdentity
from sf_pipelines.ledger.jsonable import dumps
from sf_pipelines.ledger.load_verbs import ChunkPlan
from sf_pipelines.model.decision import Decision
from sf_pipelines.model.describe import FieldDescribe, SObjectDescribe
from sf_pipelines.model.rail import Operation
from sf_pipelines.model.sync import LoadScope, LoadSync
from sf_pipelines.workflows.tools import Tools

REPEATABLE = frozenset({Operation.UPSERT, Operation.UPDATE, Operation.DELETE})
"""Writes that end the same when sent twice; an insert is sent again only after the org was asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadWork:
    """A run of a load, as the process sees it that works on it.

    Attributes:
        attempt: number of this process among those that worked on the run.
        org_started_at: the org's clock before the first row was sent.
        scope: rows of the source that the run sends.
    """

    sync: LoadSync
    describe: SObjectDescribe
    tools: Tools
    run_id: UUID
    attempt: int
    decision: Decision
    org_started_at: datetime
    scope: LoadScope = LoadScope.ALL

    @property
    def folder(self) -> Path:
        """Where the payload and the result files of the run are."""
        return spool_of(self.tools, self.run_id)

    @property
    def identity(self) -> RowIdentity:
        """What tells the rows of the load apart."""
        return identity_of(self.sync, self.describe)

    @property
    def has_unique_key(self) -> bool:
        """Whether the org itself lets no two records have one key."""
        return has_unique_key(self.sync, self.describe)

    @property
    def numbers(self) -> frozenset[str]:
        """Fields of the sync that hold numbers."""
        return number_fields(self.sync, self.describe)

    def chunk(self, plan: ChunkPlan) -> PayloadChunk:
        """The rows of a chunk, wherever in a file they are."""
        return PayloadChunk(
            number=plan.chunk,
            path=Path(plan.payload_path),
            key=self.sync.key,
            rows=plan.rows,
            bytes_raw=plan.bytes_raw,
            first_row=plan.first_row,
        )

    def tell(self, sentence: str) -> None:
        """Progress, with the name of the sync."""
        self.tools.tell(f"{self.sync.name}: {sentence}")


def identity_of(sync: LoadSync, describe: SObjectDescribe) -> RowIdentity:
    """What tells the rows of a sync apart: the key where the org keeps it unique, else the whole row."""
    columns = (sync.key,) if has_unique_key(sync, describe) else sync.field_names
    return RowIdentity(columns=columns, numbers=number_fields(sync, describe))


def has_unique_key(sync: LoadSync, describe: SObjectDescribe) -> bool:
    """Whether the org itself lets no two records have one key."""
    field = describe.field(sync.key)
    is_unique = field is not None and (field.unique or field.id_lookup)
    return sync.operation in REPEATABLE or is_unique


def number_fields(sync: LoadSync, describe: SObjectDescribe) -> frozenset[str]:
    """Fields of a sync that hold numbers, by what the org describes."""
    fields = ((name, describe.field(name)) for name in sync.field_names)
    return frozenset(name for name, field in fields if field and field.type.lower() in NUMBER_TYPES)


def spool_of(tools: Tools, run_id: UUID) -> Path:
    """Folder of a run's payload: it outlives the process, for the one that takes the run up."""
    return tools.spool / str(run_id)


def declaration_of(sync: LoadSync) -> str:
    """Hash of what a sync sends and where: rows of another declaration are not to be sent under this one."""
    parts = (sync.sobject, sync.operation, sync.key, sync.source, sync.fields)
    return sha256(dumps(list(parts)).encode()).hexdigest()


def locking_parent(sync: LoadSync, describe: SObjectDescribe) -> str | None:
    """The first field of a sync that names a parent which a write locks, None where there is none."""
    for name in sync.field_names:
        if any(field.locks_its_parent for field in _references(name, describe)):
            return name
    return None


def _references(name: str, describe: SObjectDescribe) -> Iterator[FieldDescribe]:
    relationship, _, parent_key = name.partition(".")
    if not parent_key:
        field = describe.field(name)
        return iter([field] if field else [])
    wanted = relationship.rpartition(":")[2].casefold()
    return (
        field for field in describe.fields.values() if (field.relationship_name or "").casefold() == wanted
    )
