from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator
from dataclasses import replace

import grpc
import pytest

from sf_pipelines.config.change_settings import StartFrom
from sf_pipelines.config.settings import SettingsError
from sf_pipelines.rails import stream_errors
from sf_pipelines.rails.change_ports import ChangeStream, Delivery, StreamBegin, StreamLimits
from sf_pipelines.rails.client import connect_changes
from sf_pipelines.rails.errors import Facts, UnexpectedAnswerError
from sf_pipelines.rails.pubsub import PubSub
from sf_pipelines.rails.stream_errors import (
    DeliveryAllocationError,
    ReplayIdRefusedError,
    SchemaUnknownError,
    StreamError,
    StreamInterruptedError,
    StreamRefusedError,
    StreamSilentError,
    StreamThrottledError,
    StreamUnauthenticatedError,
)
from sf_pipelines.wire.pubsub_api_pb2 import ReplayPreset
from sf_pipelines_tests.fakes.event_samples import ACCOUNT_SCHEMA, SCHEMA_ID, received
from sf_pipelines_tests.fakes.pubsub import FakePubSub, Refusal
from sf_pipelines_tests.rails.scripted_org import TOKEN_PATH, Received, Reply, ScriptedOrg, json_reply
from sf_pipelines_tests.rails.settings_samples import client_credentials

CHANNEL = "/data/AccountChangeEvent"
EARLIEST = StreamBegin(start_from=StartFrom.EARLIEST)
PATIENCE_SECONDS = 20.0
LIMITS = StreamLimits(events=150)

Status = grpc.StatusCode


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def bus() -> Iterator[FakePubSub]:
    with FakePubSub() as bus:
        bus.schemas[SCHEMA_ID] = ACCOUNT_SCHEMA
        yield bus


@pytest.fixture
def tokens(org: ScriptedOrg) -> list[str]:
    """Tokens that the org gives, one after the other; the last again and again."""
    tokens = ["token-1"]

    def answer(_: Received) -> Reply:
        token = tokens.pop(0) if len(tokens) > 1 else tokens[0]
        identity = f"{org.url}/id/00D000000000001AAA/005000000000001AAA"
        return json_reply({"access_token": token, "instance_url": org.url, "id": identity})

    org.script("POST", TOKEN_PATH, answer)
    return tokens


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pubsub(bus: FakePubSub, org: ScriptedOrg, tokens: list[str], clock: Clock) -> Iterator[PubSub]:
    with connect_changes(client_credentials(org.url), bus.url, monotonic=clock) as pubsub:
        yield pubsub


def numbers(delivery: Delivery | None) -> list[int]:
    assert delivery is not None
    return [int.from_bytes(event.replay_id) for event in delivery.events]


def take(stream: ChangeStream, count: int) -> list[int]:
    taken: list[int] = []
    while len(taken) < count:
        taken += numbers(stream.next(PATIENCE_SECONDS))
    return taken


def test_a_stream_brings_events_in_order_with_what_is_needed_to_read_them(
    pubsub: PubSub, bus: FakePubSub, org: ScriptedOrg
) -> None:
    sent = [received(number) for number in (1, 2, 3)]
    bus.publish(*sent)

    with pubsub.subscribe(CHANNEL, EARLIEST, LIMITS) as stream:
        delivery = stream.next(PATIENCE_SECONDS)

    assert delivery is not None
    assert list(delivery.events) == sent
    assert delivery.size_bytes == sum(len(event.payload) for event in sent)
    (subscription,) = bus.subscriptions
    assert (subscription.topic, subscription.preset) == (CHANNEL, ReplayPreset.EARLIEST)
    assert (subscription.token, subscription.tenant) == ("token-1", "00D000000000001AAA")
    assert subscription.instance_url == org.url


def test_a_stream_goes_on_behind_a_replay_id(pubsub: PubSub, bus: FakePubSub) -> None:
    bus.publish(received(1), received(2))

    with pubsub.subscribe(CHANNEL, StreamBegin(replay_id=received(1).replay_id), LIMITS) as stream:
        assert numbers(stream.next(PATIENCE_SECONDS)) == [2]


def test_never_more_is_asked_for_than_there_is_room_for(pubsub: PubSub, bus: FakePubSub) -> None:
    bus.publish(*map(received, range(1, 401)))

    with pubsub.subscribe(CHANNEL, EARLIEST, LIMITS) as stream:
        held = [stream.next(PATIENCE_SECONDS) for _ in range(2)]
        assert stream.next(0.05) is None
        (subscription,) = bus.subscriptions
        assert sum(subscription.requested) == 150
        stream.release([delivery for delivery in held if delivery])
        assert numbers(stream.next(PATIENCE_SECONDS))[0] == 151
        assert max(subscription.requested) <= 100


def test_events_too_large_for_the_memory_are_not_asked_for(pubsub: PubSub, bus: FakePubSub) -> None:
    bus.events_per_answer = 1
    bus.publish(*map(received, range(1, 301)))
    size = received().payload

    with pubsub.subscribe(CHANNEL, EARLIEST, replace(LIMITS, events=300, size_bytes=len(size))) as stream:
        assert len(take(stream, 100)) == 100
        assert stream.next(0.05) is None
        assert sum(bus.subscriptions[0].requested) == 100


def test_an_event_of_the_largest_size_arrives(pubsub: PubSub, bus: FakePubSub) -> None:
    bus.publish(*(received(number, content=b"\x00" * 1_000_000) for number in range(1, 9)))

    with pubsub.subscribe(CHANNEL, EARLIEST, LIMITS) as stream:
        assert take(stream, 8) == list(range(1, 9))


def test_a_keepalive_brings_a_position_and_no_events(pubsub: PubSub, bus: FakePubSub) -> None:
    bus.publish(received(7))
    with pubsub.subscribe(CHANNEL, StreamBegin(start_from=StartFrom.LATEST), LIMITS) as stream:
        bus.wait_until(lambda: bool(bus.subscriptions))
        delivery = None
        while delivery is None:
            bus.keepalive()
            delivery = stream.next(0.05)

    assert (delivery.events, delivery.latest_replay_id) == ((), received(7).replay_id)


def test_a_stream_that_tells_nothing_is_given_up(pubsub: PubSub, bus: FakePubSub, clock: Clock) -> None:
    bus.is_silent = True
    bus.publish(received(1))
    with pubsub.subscribe(CHANNEL, EARLIEST, LIMITS) as stream:
        clock.now += LIMITS.silence_seconds
        assert stream.next(0.01) is None
        clock.now += 1
        with pytest.raises(StreamSilentError, match="told nothing for 301 seconds"):
            stream.next(0.01)


def test_a_stream_that_nothing_is_asked_of_may_be_silent(
    pubsub: PubSub, bus: FakePubSub, clock: Clock
) -> None:
    bus.publish(received(1))
    with pubsub.subscribe(CHANNEL, EARLIEST, replace(LIMITS, events=1)) as stream:
        delivery = stream.next(PATIENCE_SECONDS)
        clock.now += 10_000
        assert stream.next(0.01) is None
        assert delivery is not None
        stream.release([delivery])
        assert stream.next(0.01) is None


def test_a_broken_stream_gives_all_that_came_and_then_its_end(pubsub: PubSub, bus: FakePubSub) -> None:
    bus.publish(received(1))
    with pubsub.subscribe(CHANNEL, EARLIEST, LIMITS) as stream:
        bus.wait_until(lambda: any(item.sent for item in bus.subscriptions))
        bus.cut()
        assert numbers(stream.next(PATIENCE_SECONDS)) == [1]
        for _ in range(2):
            with pytest.raises(StreamInterruptedError, match="UNAVAILABLE: refused by the test"):
                stream.next(PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (Status.INVALID_ARGUMENT, "subscription.fetch.replayid.corrupted", ReplayIdRefusedError),
        (Status.INVALID_ARGUMENT, "subscription.fetch.replayid.validation.failed", ReplayIdRefusedError),
        (Status.RESOURCE_EXHAUSTED, "subscription.limit.exceeded", DeliveryAllocationError),
        (Status.RESOURCE_EXHAUSTED, "service.protection.triggered", StreamThrottledError),
        (Status.RESOURCE_EXHAUSTED, "concurrent.client.limit.exceeded", StreamThrottledError),
        (Status.RESOURCE_EXHAUSTED, None, StreamThrottledError),
        (Status.UNAUTHENTICATED, "service.auth.error", StreamUnauthenticatedError),
        (Status.UNAVAILABLE, "service.unavailable", StreamInterruptedError),
        (Status.INTERNAL, None, StreamInterruptedError),
        (Status.UNKNOWN, None, StreamInterruptedError),
        (Status.NOT_FOUND, "topic.not.found", StreamRefusedError),
        (Status.PERMISSION_DENIED, "topic.meta.permission", StreamRefusedError),
        (Status.INVALID_ARGUMENT, "subscription.fetch.topic.mismatch", StreamRefusedError),
    ],
)
def test_a_refusal_says_what_it_is(
    pubsub: PubSub, bus: FakePubSub, status: grpc.StatusCode, code: str | None, kind: type[StreamError]
) -> None:
    bus.refusals["Subscribe"] = [Refusal(status=status, code=code)]

    with pubsub.subscribe(CHANNEL, EARLIEST, LIMITS) as stream, pytest.raises(StreamError) as told:
        stream.next(PATIENCE_SECONDS)

    assert type(told.value) is kind
    for part in (code or status.name, CHANNEL, "rpc-1", "Subscribe"):
        assert part in str(told.value)


def test_an_expired_token_is_renewed_for_the_next_stream(
    pubsub: PubSub, bus: FakePubSub, tokens: list[str]
) -> None:
    tokens.append("token-2")
    bus.tokens = {"token-2"}
    bus.publish(received(1))

    with (
        pubsub.subscribe(CHANNEL, EARLIEST, LIMITS) as refused,
        pytest.raises(StreamUnauthenticatedError) as told,
    ):
        refused.next(PATIENCE_SECONDS)
    with pubsub.subscribe(CHANNEL, EARLIEST, LIMITS) as stream:
        assert numbers(stream.next(PATIENCE_SECONDS)) == [1]

    assert told.value.is_retryable
    assert [item.token for item in bus.subscriptions] == ["token-1", "token-2"]
    assert "token-1" not in str(told.value)


def test_a_call_with_an_expired_token_is_made_again_at_once(
    pubsub: PubSub, bus: FakePubSub, tokens: list[str]
) -> None:
    tokens.append("token-2")
    bus.tokens = {"token-2"}

    assert pubsub.schema(SCHEMA_ID) == ACCOUNT_SCHEMA


def test_an_unknown_schema_is_told_from_one_that_cannot_be_asked_for(pubsub: PubSub, bus: FakePubSub) -> None:
    with pytest.raises(SchemaUnknownError, match="another"):
        pubsub.schema("another")
    bus.refusals["GetSchema"] = [Refusal(status=Status.UNAVAILABLE, code="schema.api.unavailable")]
    with pytest.raises(StreamInterruptedError):
        pubsub.schema(SCHEMA_ID)


def test_an_answer_without_an_org_cannot_open_a_stream(pubsub: PubSub, org: ScriptedOrg) -> None:
    org.script("POST", TOKEN_PATH, json_reply({"access_token": "token-1", "instance_url": org.url}))
    with pytest.raises(UnexpectedAnswerError, match="names no org"):
        pubsub.subscribe(CHANNEL, EARLIEST, LIMITS)


def test_a_token_goes_only_by_tls_or_within_this_machine(org: ScriptedOrg) -> None:
    with pytest.raises(SettingsError, match="SF_PIPELINES_PUBSUB_URL"):
        connect_changes(client_credentials(org.url), "http://pubsub.example.org:7443")


CLASSES = [
    item for _, item in inspect.getmembers(stream_errors, inspect.isclass) if issubclass(item, StreamError)
]
RETRYABLE = {
    "StreamInterruptedError",
    "StreamSilentError",
    "StreamUnauthenticatedError",
    "StreamThrottledError",
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_stream_error_says_whether_to_try_again_and_survives_pickling(kind: type[StreamError]) -> None:
    error = kind("went wrong", **Facts(method="Subscribe", path=CHANNEL, org_request_id="rpc-1"))

    copy = pickle.loads(pickle.dumps(error))

    assert (type(copy), vars(copy)) == (kind, vars(error))
    assert error.is_retryable is (kind.__name__ in RETRYABLE)
    assert (stream_errors.__doc__ or "").split().count(kind.__name__) == 1
