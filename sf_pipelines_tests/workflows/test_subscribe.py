from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import grpc
import pytest
from sqlalchemy import Engine, create_engine, func, select, text, update

from sf_pipelines.config.change_settings import ChangeSettings, StartFrom
from sf_pipelines.ledger.change_queries import (
    ChannelState,
    GapRow,
    channel_states,
    open_gaps,
    pending_changes,
    stream_starts,
)
from sf_pipelines.ledger.change_tables import change_event, replay_position
from sf_pipelines.ledger.change_verbs import ChangeLedger
from sf_pipelines.model.gap import GapCause
from sf_pipelines.rails.change_ports import StreamLimits
from sf_pipelines.rails.pubsub import PubSub
from sf_pipelines.rails.stream_errors import StreamRefusedError, StreamUnauthenticatedError
from sf_pipelines.wire.pubsub_api_pb2 import ReplayPreset
from sf_pipelines.workflows.subscribe import (
    ALLOCATION_WAIT_SECONDS,
    FIRST_WAIT_SECONDS,
    MOST_REFUSED_TOKENS,
    THROTTLED_WAIT_SECONDS,
    subscribe,
)
from sf_pipelines.workflows.subscribe_tools import SubscriberFigures, SubscribeTools
from sf_pipelines_tests.fakes.event_samples import ACCOUNT_SCHEMA, COMMITTED_MS, SCHEMA_ID, received
from sf_pipelines_tests.fakes.pubsub import FakePubSub, FixedGrants, Refusal

CHANNEL = "/data/AccountChangeEvent"
COMMITTED = datetime.fromtimestamp(COMMITTED_MS / 1000, UTC)
PATIENCE_SECONDS = 30.0
EARLIEST = ChangeSettings(first_start=StartFrom.EARLIEST, restart=StartFrom.EARLIEST)


@pytest.fixture
def bus() -> Iterator[FakePubSub]:
    with FakePubSub() as bus:
        bus.schemas[SCHEMA_ID] = ACCOUNT_SCHEMA
        yield bus


@dataclass
class Scene:
    """Subscribers on one bus and one ledger; what they say, and how long they wanted to wait."""

    bus: FakePubSub
    engine: Engine
    told: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    @contextmanager
    def subscriber(self, holder: str = "worker-1", **more: Any) -> Generator[Running]:
        """One that works meanwhile, and is told to stop at the end."""
        with PubSub(self.bus.url, FixedGrants()) as pubsub:
            tools = SubscribeTools(
                pubsub=pubsub,
                ledger=ChangeLedger(self.engine),
                engine=self.engine,
                holder=holder,
                tell=self.told.append,
                jitter=lambda: 1.0,
                sleep=more.pop("sleep", self._pause),
                **{"settings": EARLIEST, "monotonic": _fast_clock} | more,
            )
            running = Running(tools)
            running.thread.start()
            try:
                yield running
            finally:
                tools.stop.set()
                running.thread.join(PATIENCE_SECONDS)
                assert not running.thread.is_alive()

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def stored(self) -> list[int]:
        with self.engine.connect() as connection:
            rows = connection.execute(select(change_event.c.replay_id).order_by(change_event.c.id))
            return [int.from_bytes(bytes(row.replay_id)) for row in rows]

    def state(self) -> ChannelState:
        (state,) = channel_states(self.engine)
        return state

    def position(self) -> int | None:
        states = channel_states(self.engine)
        position = states[0].position if states else None
        return int.from_bytes(position.replay_id) if position else None

    def gap(self, cause: GapCause) -> GapRow:
        (gap,) = [gap for gap in open_gaps(self.engine) if gap.cause == cause]
        return gap

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, self.told
            Event().wait(0.01)

    def wait_for(self, *numbers: int) -> None:
        """Until exactly these are stored, and the position is behind the last of them."""
        self.wait(lambda: self.stored() == list(numbers) and self.position() == numbers[-1])


def _fast_clock() -> float:
    """So that a quiet second is over soon."""
    return time.monotonic() * 20


class Running:
    """A subscriber in a thread of its own."""

    def __init__(self, tools: SubscribeTools) -> None:
        self.tools = tools
        self.error: Exception | None = None
        self.figures: SubscriberFigures | None = None
        self.thread = Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self.figures = subscribe(CHANNEL, self.tools)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error


@pytest.fixture
def scene(bus: FakePubSub, engine: Engine) -> Scene:
    return Scene(bus=bus, engine=engine)


def test_events_are_stored_with_the_position_and_the_next_subscriber_goes_on_there(
    scene: Scene, bus: FakePubSub
) -> None:
    bus.publish(received(1), received(2, transactionKey="t-2"))
    with scene.subscriber() as running:
        scene.wait_for(1, 2)
    bus.publish(received(3, transactionKey="t-3"))
    with scene.subscriber():
        scene.wait_for(1, 2, 3)

    assert running.figures is not None
    assert (running.figures.events, running.figures.gaps) == (2, 1)
    assert [item.preset for item in bus.subscriptions] == [ReplayPreset.EARLIEST, ReplayPreset.CUSTOM]
    assert bus.subscriptions[1].replay_id == received(2).replay_id


def test_a_position_stays_before_a_transaction_until_that_is_over(scene: Scene, bus: FakePubSub) -> None:
    bus.publish(received(1), received(2, transactionKey="t-2"), received(3, transactionKey="t-2"))
    clock = iter(float(number) / 1_000 for number in range(1_000_000))  # no second passes
    with scene.subscriber(monotonic=lambda: next(clock)):
        scene.wait(lambda: scene.stored() == [1, 2, 3])
        state = scene.state()

    assert state.position is not None
    assert (scene.position(), state.position.open_transaction) == (1, "t-2")
    with scene.engine.begin() as connection:
        assert len(pending_changes(connection, "Account", limit=10)) == 1
    bus.publish(received(4, transactionKey="t-2"))
    with scene.subscriber():
        scene.wait_for(1, 2, 3, 4)
    with scene.engine.begin() as connection:
        assert len(pending_changes(connection, "Account", limit=10)) == 4


def test_a_first_start_is_a_recorded_choice_and_what_came_before_is_a_gap(
    scene: Scene, bus: FakePubSub
) -> None:
    bus.publish(received(1))
    with scene.subscriber(settings=ChangeSettings()):
        bus.wait_until(lambda: bool(bus.subscriptions))
        scene.wait(lambda: _published_until(bus, scene, received(2, transactionKey="t-2")))

    assert bus.subscriptions[0].preset == ReplayPreset.LATEST
    assert 1 not in scene.stored()
    (start,) = stream_starts(scene.engine)
    assert (start.start_from, start.refused_replay_id) == ("latest", None)
    assert scene.gap(GapCause.FIRST_START).sobject == "Account"


def _published_until(bus: FakePubSub, scene: Scene, event: Any) -> bool:
    """A stream at the latest end is sure to see only what comes after it has begun."""
    if event not in bus.events:
        bus.publish(event)
    bus.keepalive()
    return bool(open_gaps(scene.engine))


def test_a_first_start_without_an_answer_is_the_same_start_again(scene: Scene, bus: FakePubSub) -> None:
    with scene.subscriber(settings=ChangeSettings()):
        bus.wait_until(lambda: bool(bus.subscriptions))
    assert open_gaps(scene.engine) == []

    with scene.subscriber(settings=ChangeSettings()):
        bus.wait_until(lambda: len(bus.subscriptions) == 2)

    assert len(stream_starts(scene.engine)) == 1
    assert bus.subscriptions[1].preset == ReplayPreset.LATEST


def test_a_broken_stream_is_opened_again_behind_what_is_stored(scene: Scene, bus: FakePubSub) -> None:
    bus.publish(received(1))
    with scene.subscriber() as running:
        scene.wait_for(1)
        bus.cut()
        bus.publish(received(2, transactionKey="t-2"))
        scene.wait_for(1, 2)

    assert bus.subscriptions[-1].replay_id == received(1).replay_id
    assert scene.pauses == [FIRST_WAIT_SECONDS]
    assert running.figures is not None
    assert running.figures.reconnects == 1
    assert any("UNAVAILABLE" in sentence for sentence in scene.told)


def test_waits_grow_while_the_org_is_away_and_no_gap_is_opened(scene: Scene, bus: FakePubSub) -> None:
    bus.refusals["Subscribe"] = [Refusal(status=grpc.StatusCode.UNAVAILABLE)] * 4
    bus.publish(received(1))
    with scene.subscriber():
        scene.wait_for(1)

    assert scene.pauses == [0.5, 1.0, 2.0, 4.0]
    assert [gap.cause for gap in open_gaps(scene.engine)] == [GapCause.FIRST_START]


def test_a_revoked_token_is_renewed_and_the_stream_goes_on(scene: Scene, bus: FakePubSub) -> None:
    bus.publish(received(1))
    with scene.subscriber():
        scene.wait_for(1)
        bus.tokens = {"token-2"}
        bus.cut()
        bus.publish(received(2, transactionKey="t-2"))
        scene.wait_for(1, 2)

    assert [item.token for item in bus.subscriptions] == ["token-1", "token-1", "token-2"]
    assert "token-" not in " ".join(scene.told)


def test_tokens_that_are_all_refused_end_the_subscriber_with_the_reason(
    scene: Scene, bus: FakePubSub
) -> None:
    bus.tokens = {"another org's"}
    with scene.subscriber() as running:
        running.thread.join(PATIENCE_SECONDS)

    assert isinstance(running.error, StreamUnauthenticatedError)
    assert len(bus.subscriptions) == MOST_REFUSED_TOKENS


def test_a_refused_replay_id_opens_a_gap_and_the_restart_is_a_recorded_choice(
    scene: Scene, bus: FakePubSub
) -> None:
    bus.publish(received(1))
    with scene.subscriber():
        scene.wait_for(1)
    bus.purge()
    bus.publish(received(5, transactionKey="t-5"))
    with scene.subscriber():
        scene.wait_for(1, 5)

    gap = scene.gap(GapCause.REPLAY_ID_REFUSED)
    assert gap.from_timestamp is not None
    assert gap.from_timestamp <= COMMITTED
    assert "replayid.corrupted" in gap.detail
    start = stream_starts(scene.engine)[0]
    assert (start.start_from, bytes(start.refused_replay_id or b"")) == ("earliest", received(1).replay_id)
    presets = [item.preset for item in bus.subscriptions]
    assert presets == [ReplayPreset.EARLIEST, ReplayPreset.CUSTOM, ReplayPreset.EARLIEST]


def test_a_restart_at_the_latest_end_widens_its_gap_up_to_the_first_answer(
    scene: Scene, bus: FakePubSub
) -> None:
    bus.publish(received(1))
    with scene.subscriber():
        scene.wait_for(1)
    bus.purge()
    later = datetime.now(UTC) + timedelta(hours=2)
    latest = ChangeSettings(restart=StartFrom.LATEST)
    with scene.subscriber(settings=latest):
        bus.wait_until(lambda: len(bus.subscriptions) == 3)
    assert bus.subscriptions[-1].preset == ReplayPreset.LATEST
    with scene.subscriber(settings=latest, now=lambda: later):
        bus.wait_until(lambda: len(bus.subscriptions) == 4)
        scene.wait(lambda: _answered(bus, scene))

    until = scene.gap(GapCause.REPLAY_ID_REFUSED).to_timestamp
    assert until is not None
    assert until >= later


def _answered(bus: FakePubSub, scene: Scene) -> bool:
    bus.keepalive()
    return scene.position() is not None


def test_a_downtime_beyond_the_retention_opens_a_gap_from_the_last_commit(
    scene: Scene, bus: FakePubSub
) -> None:
    bus.publish(received(1))
    with scene.subscriber():
        scene.wait_for(1)
    with scene.engine.begin() as connection:
        long_ago = datetime.now(UTC) - timedelta(hours=73)
        connection.execute(update(replay_position).values(updated_at=long_ago))
    with scene.subscriber():
        scene.wait(lambda: any(gap.cause == GapCause.DOWNTIME for gap in open_gaps(scene.engine)))

    gap = scene.gap(GapCause.DOWNTIME)
    assert gap.from_timestamp is not None
    assert gap.from_timestamp <= COMMITTED
    assert "73 hours" in gap.detail


def test_a_subscriber_that_could_not_reach_the_org_for_too_long_opens_one_gap_as_well(
    scene: Scene, bus: FakePubSub
) -> None:
    late = timedelta()
    bus.publish(received(1))
    with scene.subscriber(now=lambda: datetime.now(UTC) + late):
        scene.wait_for(1)
        bus.refusals["Subscribe"] = [Refusal(status=grpc.StatusCode.UNAVAILABLE)] * 3
        late = timedelta(hours=73)
        bus.cut()
        bus.publish(received(2, transactionKey="t-2"))
        scene.wait_for(1, 2)

    assert [gap.cause for gap in open_gaps(scene.engine)].count(GapCause.DOWNTIME) == 1
    assert scene.told.count(scene.gap(GapCause.DOWNTIME).detail) == 1


def test_a_silent_stream_opens_a_gap_and_is_opened_again(scene: Scene, bus: FakePubSub) -> None:
    bus.publish(received(1))
    with scene.subscriber(limits=StreamLimits(silence_seconds=3)):
        scene.wait_for(1)
        bus.is_silent = True
        bus.wait_until(lambda: len(bus.subscriptions) == 2)
        bus.is_silent = False
        bus.publish(received(2, transactionKey="t-2"))
        scene.wait_for(1, 2)

    assert "neither event nor keepalive" in scene.gap(GapCause.SILENT_STREAM).detail


def test_a_spent_allocation_opens_a_gap_and_is_waited_for_long(scene: Scene, bus: FakePubSub) -> None:
    bus.publish(received(1))
    spent = Refusal(status=grpc.StatusCode.RESOURCE_EXHAUSTED, code="subscription.limit.exceeded")
    bus.refusals["Subscribe"] = [spent]
    with scene.subscriber():
        scene.wait_for(1)

    assert scene.pauses == [ALLOCATION_WAIT_SECONDS]
    assert scene.gap(GapCause.ALLOCATION_SPENT).to_timestamp is None


def test_an_org_that_protects_itself_is_left_alone_for_a_while(scene: Scene, bus: FakePubSub) -> None:
    bus.publish(received(1))
    busy = Refusal(status=grpc.StatusCode.RESOURCE_EXHAUSTED, code="service.protection.triggered")
    bus.refusals["Subscribe"] = [busy]
    with scene.subscriber():
        scene.wait_for(1)

    assert scene.pauses == [THROTTLED_WAIT_SECONDS]


def test_a_channel_that_the_org_refuses_ends_the_subscriber_with_the_reason(
    scene: Scene, bus: FakePubSub
) -> None:
    bus.refusals["Subscribe"] = [Refusal(status=grpc.StatusCode.NOT_FOUND, code="topic.not.found")]
    with scene.subscriber() as running:
        running.thread.join(PATIENCE_SECONDS)

    assert isinstance(running.error, StreamRefusedError)
    assert CHANNEL in str(running.error)


def test_events_that_tell_of_gaps_open_them(scene: Scene, bus: FakePubSub) -> None:
    nothing = ["000000000000000AAA"]
    bus.publish(
        received(1, changeType="GAP_UPDATE", recordIds=["001A"]),
        received(2, changeType="GAP_DELETE", recordIds=["001B"], transactionKey="t-2"),
        received(3, changeType="GAP_OVERFLOW", recordIds=nothing, transactionKey="t-3"),
        received(4, recordIds=["001*"], transactionKey="t-4"),
    )
    with scene.subscriber():
        scene.wait_for(1, 2, 3, 4)

    assert scene.gap(GapCause.GAP_EVENT).record_ids == ["001A", "001B"]
    assert scene.gap(GapCause.OVERFLOW).sobject == "Account"
    assert scene.gap(GapCause.WILDCARD_IDS).record_ids is None


def test_events_that_cannot_be_read_are_kept_and_do_not_stop_the_stream(
    scene: Scene, bus: FakePubSub
) -> None:
    bus.publish(
        received(1),
        received(2, content=b"\xff\xff"),
        received(3, schema_id="unknown"),
        received(4, transactionKey="t-2"),
    )
    with scene.subscriber() as running:
        scene.wait_for(1, 2, 3, 4)

    with scene.engine.connect() as connection:
        statement = select(change_event.c.payload, change_event.c.unreadable_because)
        rows = connection.execute(statement.where(change_event.c.payload.is_not(None))).all()
    assert bytes(rows[0].payload) == b"\xff\xff"
    assert "schema is unknown" in rows[1].unreadable_because
    assert scene.gap(GapCause.UNDECODABLE_EVENT).sobject == "Account"
    assert running.figures is not None
    assert running.figures.unreadable == 2


def test_a_schema_is_asked_for_once_in_the_life_of_a_ledger(scene: Scene, bus: FakePubSub) -> None:
    bus.publish(received(1))
    with scene.subscriber():
        scene.wait_for(1)
    bus.publish(received(2, transactionKey="t-2"))
    with scene.subscriber():
        scene.wait_for(1, 2)

    assert bus.schema_calls == [SCHEMA_ID]


def test_a_schema_that_cannot_be_asked_for_now_makes_no_event_unreadable(
    scene: Scene, bus: FakePubSub
) -> None:
    bus.refusals["GetSchema"] = [Refusal(status=grpc.StatusCode.UNAVAILABLE, code="schema.api.unavailable")]
    bus.publish(received(1))
    with scene.subscriber() as running:
        scene.wait_for(1)

    assert running.figures is not None
    assert running.figures.unreadable == 0


def test_a_second_subscriber_stands_by_and_takes_over(scene: Scene, bus: FakePubSub) -> None:
    bus.publish(received(1))
    with scene.subscriber("worker-1") as first:
        scene.wait_for(1)
        with scene.subscriber("worker-2"):
            scene.wait(lambda: any("stands by" in sentence for sentence in scene.told))
            assert len(bus.subscriptions) == 1
            first.tools.stop.set()
            bus.publish(received(2, transactionKey="t-2"))
            scene.wait_for(1, 2)
            assert scene.state().holder == "worker-2"


def test_a_subscriber_whose_channel_was_taken_stores_nothing_more_and_stands_by(
    scene: Scene, bus: FakePubSub
) -> None:
    bus.publish(received(1))
    with scene.subscriber("worker-1"):
        scene.wait_for(1)
        ChangeLedger(scene.engine).take_channel(CHANNEL, "worker-2")
        bus.publish(received(2, transactionKey="t-2"))
        scene.wait(lambda: any("held by another subscriber" in sentence for sentence in scene.told))
        scene.wait_for(1, 2)  # nobody holds the lock, so it takes the channel back

    assert scene.state().holder == "worker-1"


def test_while_the_database_is_away_no_more_is_asked_for_and_nothing_is_lost(
    scene: Scene, bus: FakePubSub, postgres_url: str
) -> None:
    bus.publish(received(1))
    with scene.subscriber(limits=StreamLimits(events=50), sleep=lambda _: Event().wait(0.01)):
        scene.wait_for(1)
        with _away(scene.engine, postgres_url):
            bus.publish(*(received(number, transactionKey=f"t-{number}") for number in range(2, 402)))
            scene.wait(lambda: any("keeps what has arrived" in sentence for sentence in scene.told))
            assert sum(bus.subscriptions[0].requested) <= 1 + 2 * 50
        scene.wait_for(*range(1, 402))

    assert len(bus.subscriptions) == 1


@contextmanager
def _away(engine: Engine, postgres_url: str) -> Generator[None]:
    """The database lets nobody in, and has thrown everybody out."""
    name = engine.url.database
    server = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": name},
        )
        yield
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    server.dispose()


def test_what_has_arrived_is_stored_before_the_end(scene: Scene, bus: FakePubSub) -> None:
    bus.publish(*(received(number, transactionKey=f"t-{number}") for number in range(1, 301)))
    with scene.subscriber() as running:
        bus.wait_until(lambda: any(item.sent >= 300 for item in bus.subscriptions))

    assert scene.stored() == list(range(1, 301))
    assert running.figures is not None
    assert running.figures.events == 300


def test_a_keepalive_moves_the_position_of_a_quiet_channel(scene: Scene, bus: FakePubSub) -> None:
    bus.publish(received(1))
    with scene.subscriber():
        scene.wait_for(1)
        before = scene.state().updated_at
        bus.keepalive()
        scene.wait(lambda: scene.state().updated_at != before)

    with scene.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(change_event)).scalar_one() == 1
