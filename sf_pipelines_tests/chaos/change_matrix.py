"""What may happen to a subscriber while somebody writes to the org; then ledger and org are compared."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from time import monotonic

from sqlalchemy import Engine

from sf_pipelines.config.settings import PREFIX
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.ledger.change_queries import channel_states, open_gaps
from sf_pipelines.ledger.engine import open_engine
from sf_pipelines.model.gap import GapCause
from sf_pipelines.rails.client import connect
from sf_pipelines_tests.chaos.change_runner import SubscriberSpec, run_subscriber
from sf_pipelines_tests.chaos.change_scene import (
    CHANNEL,
    ROUNDS,
    SCHEMA,
    Comparison,
    Writer,
    compare,
    events_of_org,
    is_settled,
)
from sf_pipelines_tests.chaos.databases import Databases
from sf_pipelines_tests.chaos.postgres_proxy import PostgresProxy
from sf_pipelines_tests.chaos.strike import Side, Strike
from sf_pipelines_tests.chaos.tcp_proxy import TcpProxy
from sf_pipelines_tests.workflows.orgs import settings_of

SETTLE_SECONDS = 60.0
AWAY_SECONDS = 3.0
CLOCK_JUMP_SECONDS = 3 * 3_600.0
"""Beyond the life of a session, within the retention."""


class Happening(StrEnum):
    """What happens; those with a number happen at that commit, or at that block of the network."""

    KILLED = "killed at commit"
    DATABASE_LOST = "database lost at commit"
    NETWORK_CUT = "network cut at block"
    DATABASE_AWAY = "database away for seconds"
    TOKEN_REVOKED = "token revoked"
    HOLDER_KILLED = "two subscribers, holder killed"
    CLOCK_JUMPS = "clock of the org jumps"
    LARGE_EVENT = "event of nearly 1 MB"


NUMBERED = (Happening.KILLED, Happening.DATABASE_LOST, Happening.NETWORK_CUT)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangePoint:
    """One thing that happens; where it is numbered, at which number and on which side of its effect."""

    happening: Happening
    strike: Strike | None = None

    def __str__(self) -> str:
        if self.strike is None:
            return f"changes, {self.happening.value}"
        return f"changes, {self.happening.value} {self.strike.number}, {self.strike.side.value}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeFinding:
    """The comparison after a point, and how many places there were to strike at."""

    point: ChangePoint
    comparison: Comparison
    commits: int
    blocks: int

    @property
    def is_bad(self) -> bool:
        """Whether anything is lost, doubled or wrong."""
        return self.comparison.is_bad

    @property
    def lost(self) -> int:
        """Events that the ledger lacks."""
        return self.comparison.lost

    @property
    def doubled(self) -> int:
        """Events that it has more than once."""
        return self.comparison.doubled

    def __str__(self) -> str:
        found = self.comparison
        return f"{self.point}: lost {found.lost}, doubled {found.doubled}. {found.trouble}"


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """The running parts of one point."""

    emulator: EmulatorServer
    clock: Clock
    engine: Engine
    postgres: PostgresProxy
    bus: TcpProxy
    writer: Writer
    start: Callable[[], multiprocessing.process.BaseProcess]


class ChangeMatrix:
    """Runs points on one database server."""

    def __init__(self, postgres_url: str) -> None:
        self._databases = Databases(postgres_url)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([run_subscriber.__module__])

    def points(self) -> list[ChangePoint]:
        """Every commit and every block of an undisturbed run on both sides, and all else that may happen."""
        whole = self.strike(ChangePoint(happening=Happening.KILLED))
        if whole.is_bad:
            raise AssertionError(f"A subscriber that nothing happened to is wrong already: {whole}")
        places = {
            Happening.KILLED: whole.commits,
            Happening.DATABASE_LOST: whole.commits,
            Happening.NETWORK_CUT: whole.blocks,
        }
        numbered = [
            ChangePoint(happening=happening, strike=Strike(number=number, side=side))
            for happening, count in places.items()
            for number in range(1, count + 1)
            for side in (Side if happening is not Happening.NETWORK_CUT else (Side.BEFORE,))
        ]
        return numbered + [ChangePoint(happening=item) for item in Happening if item not in NUMBERED]

    def strike(self, point: ChangePoint) -> ChangeFinding:
        """Write, let it happen, write on, let a subscriber catch up, and compare."""
        with ExitStack() as stack:
            scene = stack.enter_context(self._scene())
            scene.writer.write(ROUNDS // 2)
            processes = [scene.start()]
            stack.callback(_kill, processes)
            self._happen(point, scene, processes)
            commits, blocks = scene.postgres.commits, scene.bus.blocks
            scene.postgres.arm(None)
            scene.bus.arm(None)
            if not any(process.is_alive() for process in processes):
                processes.append(scene.start())
            comparison = self._settle(point, scene)
        return ChangeFinding(point=point, comparison=comparison, commits=commits, blocks=blocks)

    def _happen(
        self, point: ChangePoint, scene: _Scene, processes: list[multiprocessing.process.BaseProcess]
    ) -> None:
        pause, first = Event(), processes[0]
        if point.happening in NUMBERED:
            self._arm(point, scene, first)
            _wait(
                lambda: _has_begun(scene.engine) or not first.is_alive(), f"a subscriber to begin ({point})"
            )
            scene.writer.write(ROUNDS // 2, pause=pause)
            events = events_of_org(scene.emulator)
            _wait(lambda: is_settled(scene.engine, events) or not first.is_alive(), f"an end ({point})")
            return
        _wait(lambda: _has_begun(scene.engine), f"a subscriber to begin ({point})")
        scene.writer.write(ROUNDS // 4, pause=pause)
        match point.happening:
            case Happening.DATABASE_AWAY:
                with scene.postgres.away():
                    scene.writer.write(ROUNDS // 4, pause=pause)
                    pause.wait(AWAY_SECONDS)
            case Happening.TOKEN_REVOKED:
                scene.emulator.surface.sessions.clear()
                scene.bus.cut()
            case Happening.HOLDER_KILLED:
                processes.append(scene.start())
                scene.writer.write(ROUNDS // 4, pause=pause)
                processes[0].kill()
            case Happening.CLOCK_JUMPS:
                scene.clock.advance(CLOCK_JUMP_SECONDS)
            case _:
                scene.writer.write_large()
        scene.writer.write(ROUNDS // 4, pause=pause)

    @staticmethod
    def _arm(point: ChangePoint, scene: _Scene, process: multiprocessing.process.BaseProcess) -> None:
        if point.happening is Happening.KILLED:
            scene.postgres.arm(point.strike, process.kill)
        elif point.happening is Happening.DATABASE_LOST:
            scene.postgres.arm(point.strike)
        elif point.strike is not None:
            scene.bus.arm(point.strike.number)

    @staticmethod
    def _settle(point: ChangePoint, scene: _Scene) -> Comparison:
        events = events_of_org(scene.emulator)
        _wait(lambda: is_settled(scene.engine, events), f"the subscriber to catch up ({point})")
        found = compare(scene.engine, connect(settings_of(scene.emulator)), events)
        causes = {gap.cause for gap in open_gaps(scene.engine)} - {GapCause.FIRST_START}
        if causes:
            trouble = f"{found.trouble} Gaps were opened without need: {', '.join(sorted(causes))}."
            return Comparison(lost=found.lost, doubled=found.doubled, trouble=trouble)
        return found

    @contextmanager
    def _scene(self) -> Generator[_Scene]:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            (folder / "schema.yaml").write_text(SCHEMA)
            clock = Clock()
            database_url = stack.enter_context(self._databases.one())
            emulator = stack.enter_context(
                EmulatorServer(clock=clock, pubsub_port=0, schema_path=folder / "schema.yaml")
            )
            bus = stack.enter_context(TcpProxy(emulator.credentials.pubsub_address or ""))
            postgres = stack.enter_context(PostgresProxy(database_url))
            engine = open_engine(database_url)
            stack.callback(engine.dispose)
            spec = SubscriberSpec(
                environment=_environment(emulator, postgres.url(database_url), bus, folder),
                log=folder / "log",
            )
            yield _Scene(
                emulator=emulator,
                clock=clock,
                engine=engine,
                postgres=postgres,
                bus=bus,
                writer=Writer(connect(settings_of(emulator))),
                start=lambda: self._start(spec),
            )

    def _start(self, spec: SubscriberSpec) -> multiprocessing.process.BaseProcess:
        process = self._context.Process(target=run_subscriber, args=(spec,))
        process.start()
        return process


def _environment(emulator: EmulatorServer, database_url: str, bus: TcpProxy, folder: Path) -> dict[str, str]:
    org = emulator.credentials
    return {
        f"{PREFIX}HOME": str(folder),
        f"{PREFIX}DATABASE_URL": database_url,
        f"{PREFIX}SALESFORCE_URL": org.url,
        f"{PREFIX}SALESFORCE_CLIENT_ID": org.client_id,
        f"{PREFIX}SALESFORCE_CLIENT_SECRET": org.client_secret,
        f"{PREFIX}PUBSUB_URL": f"http://{bus.address}",
        f"{PREFIX}CHANNELS": CHANNEL,
        f"{PREFIX}CHANGES_FIRST_START": "earliest",
    }


def _has_begun(engine: Engine) -> bool:
    states = channel_states(engine)
    return bool(states) and states[0].position is not None


def _wait(condition: Callable[[], bool], what: str) -> None:
    until = monotonic() + SETTLE_SECONDS
    while not condition():
        if monotonic() > until:
            raise TimeoutError(f"Waited {SETTLE_SECONDS:.0f} s for {what}.")
        Event().wait(0.02)


def _kill(processes: list[multiprocessing.process.BaseProcess]) -> None:
    for process in processes:
        process.kill()
        process.join()
