"""`sf-pipelines demo-changes`: an org changes while its subscriber is killed, starved, and loses its place.

Writes go by REST and by Bulk; a real subscriber process stores what it can; Dagster merges and repairs. At
the end the warehouse is compared with the org, and every gap has its proof. How it reads for people is in
`change_demo_tables`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import requests
from sqlalchemy import Engine, text

from sf_pipelines.config.change_settings import DEFAULT_CHANNELS
from sf_pipelines.config.settings import PREFIX, load_settings
from sf_pipelines.ledger.change_queries import GapRow, gap_history, open_gaps
from sf_pipelines.local.launcher import Launcher, LaunchOrder
from sf_pipelines.local.processes import program
from sf_pipelines.local.sandbox import PROJECT_FOLDER, Sandbox, SandboxError, open_sandbox
from sf_pipelines.model.gap import GapCause
from sf_pipelines.model.headroom import DAILY_DELIVERED_EVENTS
from sf_pipelines.model.rail import Operation
from sf_pipelines.resources.pipelines import open_tools
from sf_pipelines.workflows.tools import Tools

CHANNEL = DEFAULT_CHANNELS[0]
SOBJECT = "Account"
OBJECTS = ("account", "opportunity")
"""Those that the code location declares: a gap of the channel concerns each of them."""

FIELDS = ("Name", "Site", "AnnualRevenue")
BULK_ROWS = 2_000
REST_ROWS = 200
REPAIR_ROUNDS = 3
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.1
CONTROL_SECONDS = 10.0

Tell = Callable[[str], None]


class ChangeDemoError(Exception):
    """Something that had to happen did not; one sentence with the log that tells why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeDemoReport:
    """How it ended.

    Attributes:
        org_rows, warehouse_rows: live accounts on both sides; differing: those that are not the same row.
        events: stored change events.
        gaps: all that were opened, the newest first.
    """

    org_rows: int
    warehouse_rows: int
    differing: int
    events: int
    gaps: Sequence[GapRow]
    home: Path

    @property
    def is_proven(self) -> bool:
        """Whether both sides are the same, and every gap is closed."""
        return not self.differing and all(gap.closed_at is not None for gap in self.gaps)

    def to_json(self) -> dict[str, Any]:
        """The report as one JSON document."""
        return {**asdict(self), "is_proven": self.is_proven}


def run_change_demo(*, tell: Tell) -> ChangeDemoReport:
    """Play on a fresh sandbox.

    Raises:
        SandboxError: an org of one's own is configured, or the sandbox cannot start.
        ChangeDemoError: the subscriber did not do in time what it had to.
    """
    if load_settings().salesforce is not None:
        raise SandboxError(
            f"The demo writes into its own emulated org only: unset {PREFIX}SALESFORCE_URL to run it."
        )
    with open_sandbox(fresh=True) as sandbox, open_tools(sandbox.settings, tell=tell) as tools:
        tell(f"PostgreSQL and an emulated org are up, home {sandbox.settings.home}.")
        log = sandbox.settings.home / "dagster.log"
        with Launcher(environment=sandbox.environment, folder=PROJECT_FOLDER, log=log) as launcher:
            play = _Play(sandbox, tools, tell)
            play.first_start()
            play.kill()
            play.starve()
            play.lose_place()
            _merge_and_repair(launcher, tools, tell)
            return _report(sandbox, tools)


class _Play:
    """The acts, each with a subscriber of its own."""

    def __init__(self, sandbox: Sandbox, tools: Tools, tell: Tell) -> None:
        assert sandbox.org is not None
        self._sandbox, self._tools, self._tell = sandbox, tools, tell
        self._control = f"{sandbox.org.url}/emulator"
        self._log = sandbox.settings.home / "subscriber.log"
        self._ids: list[str] = []

    def first_start(self) -> None:
        self._tell(f"{REST_ROWS:,} accounts by REST before anybody listens, then as many while one does.")
        self._insert(REST_ROWS)
        with self._subscriber():
            self._until(self._is_heard, "did not begin")
            self._insert(REST_ROWS)
            self._caught_up()

    def kill(self) -> None:
        self._tell(f"{BULK_ROWS:,} accounts by Bulk; the subscriber is killed in the midst of it.")
        with self._subscriber() as subscriber:
            job_id = self._start_bulk()
            self._until(self._is_loading, "stored nothing of the Bulk job")
            subscriber.kill()
            self._tools.client.ingest.wait(job_id, expected_seconds=1.0)
        self._change()
        with self._subscriber():
            self._caught_up()

    def starve(self) -> None:
        self._tell("The org's delivery allocation is spent by a neighbour; changes go on.")
        self._order("POST", "drains", {DAILY_DELIVERED_EVENTS: {"remaining": 0}})
        with self._subscriber():
            self._change()
            self._until(self._has_gap(GapCause.ALLOCATION_SPENT), "did not tell of the allocation")
        self._order("DELETE", f"drains/{DAILY_DELIVERED_EVENTS}")
        with self._subscriber():
            self._caught_up()

    def lose_place(self) -> None:
        self._tell(
            "Nobody listens for 72 hours: every stored event is too old, and the place in the stream gone."
        )
        self._change()
        self._order("POST", "changes/expire")
        with self._subscriber():
            self._until(self._has_gap(GapCause.REPLAY_ID_REFUSED), "did not tell of its lost place")
            self._caught_up()

    def _insert(self, rows: int) -> None:
        records = [{"Name": f"Account {number}", "Site": "east"} for number in range(rows)]
        outcomes = self._tools.client.rest.write(SOBJECT, Operation.INSERT, records).outcomes
        self._ids += [outcome.salesforce_id for outcome in outcomes if outcome.salesforce_id]

    def _start_bulk(self) -> str:
        ingest = self._tools.client.ingest
        job = ingest.create(SOBJECT, Operation.INSERT)
        rows = "".join(f"Bulk {number},{number}\n" for number in range(BULK_ROWS))
        ingest.upload(job.id, [b"Name,AnnualRevenue\n", rows.encode()])
        ingest.close(job.id)
        return job.id

    def _change(self) -> None:
        """Some records get other values, some lose one, some are deleted."""
        changed, emptied, gone = self._ids[:50], self._ids[50:80], self._ids[80:90]
        self._ids = self._ids[90:]
        rest = self._tools.client.rest
        rest.write(SOBJECT, Operation.UPDATE, [{"Id": id_, "Name": f"{id_} changed"} for id_ in changed])
        rest.write(SOBJECT, Operation.UPDATE, [{"Id": id_, "Site": None} for id_ in emptied])
        rest.write(SOBJECT, Operation.DELETE, [{"Id": id_} for id_ in gone])

    @contextmanager
    def _subscriber(self) -> Generator[psutil.Popen]:
        """A process of its own, told to end at the end of the block."""
        with self._log.open("ab") as output:
            process = psutil.Popen(
                program("sf-pipelines", "subscribe"),
                env=dict(self._sandbox.environment),
                cwd=PROJECT_FOLDER,
                stdout=output,
                stderr=output,
            )
        try:
            yield process
        finally:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
            process.wait()

    def _caught_up(self) -> None:
        """All that was committed until now is stored: a last write has arrived."""
        record = [{"Name": "the last one"}]
        (outcome,) = self._tools.client.rest.write(SOBJECT, Operation.INSERT, record).outcomes
        statement = text(
            "SELECT count(*) FROM ledger.change_event WHERE record_ids @> ARRAY[:id] "
            "AND NOT EXISTS (SELECT FROM ledger.replay_position WHERE open_transaction IS NOT NULL)"
        ).bindparams(id=outcome.salesforce_id)
        self._until(lambda: _scalar(self._tools.engine, statement) > 0, "did not store the last change")

    def _is_heard(self) -> bool:
        """Whether the stream has begun: it does so at its end, and its first event tells what came before."""
        self._insert(1)
        return self._has_gap(GapCause.FIRST_START)()

    def _is_loading(self) -> bool:
        statement = text("SELECT count(*) FROM ledger.change_event WHERE change_origin LIKE '%/bulkapi/%'")
        return _scalar(self._tools.engine, statement) > 0

    def _has_gap(self, cause: GapCause) -> Callable[[], bool]:
        return lambda: any(gap.cause == cause for gap in open_gaps(self._tools.engine))

    def _until(self, is_so: Callable[[], bool], what: str) -> None:
        turn = Event()
        for _ in range(round(PATIENCE_SECONDS / LOOK_SECONDS)):
            if is_so():
                return
            turn.wait(LOOK_SECONDS)
        raise ChangeDemoError(f"The subscriber {what} in {PATIENCE_SECONDS:.0f} seconds: read {self._log}.")

    def _order(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        answer = requests.request(method, f"{self._control}/{path}", json=body, timeout=CONTROL_SECONDS)
        answer.raise_for_status()


def _merge_and_repair(launcher: Launcher, tools: Tools, tell: Tell) -> None:
    """What the sensors ask for, until no gap is open."""
    for _ in range(REPAIR_ROUNDS):
        tell("Merging changes and repairing gaps through Dagster.")
        for kind in ("gap_repair", "changes"):
            for name in OBJECTS:
                launcher.run(LaunchOrder(assets=[f"salesforce/{name}/{kind}"]))
        if not open_gaps(tools.engine):
            return


def _report(sandbox: Sandbox, tools: Tools) -> ChangeDemoReport:
    org, warehouse = _org_rows(tools), _warehouse_rows(tools.engine)
    return ChangeDemoReport(
        org_rows=len(org),
        warehouse_rows=len(warehouse),
        differing=sum(org.get(id_) != warehouse.get(id_) for id_ in org.keys() | warehouse.keys()),
        events=_scalar(tools.engine, text("SELECT count(*) FROM ledger.change_event")),
        gaps=gap_history(tools.engine),
        home=sandbox.settings.home,
    )


def _org_rows(tools: Tools) -> dict[str, tuple[Any, ...]]:
    soql = f"SELECT Id, {', '.join(FIELDS)} FROM {SOBJECT}"
    return {
        record["Id"]: tuple(record[name] for name in FIELDS)
        for page in tools.client.rest.query(soql)
        for record in page.records
    }


def _warehouse_rows(engine: Engine) -> dict[str, tuple[Any, ...]]:
    columns = ", ".join(f'"{name}"' for name in ("Id", *FIELDS))
    statement = text(f'SELECT {columns} FROM raw.{SOBJECT.lower()} WHERE "IsDeleted" IS NOT TRUE')
    with engine.connect() as connection:
        return {row[0]: tuple(row[1:]) for row in connection.execute(statement)}


def _scalar(engine: Engine, statement: Any) -> int:
    with engine.connect() as connection:
        return connection.execute(statement).scalar_one()
