"""Refusals of the Pub/Sub API: a gRPC status, and Salesforce's own code in the trailers ([D] section 8).

Belongs here: codes, statuses and texts. Not here: when they are due. Imports grpc.
"""

from __future__ import annotations

import uuid
from typing import NoReturn

import grpc

PREFIX = "sfdc.platform.eventbus.grpc."
ERROR_CODE_TRAILER, RPC_ID_TRAILER = "error-code", "rpc-id"
# [I] contract: the status of a spent allocation isn't documented.
LIMIT_STATUS = grpc.StatusCode.RESOURCE_EXHAUSTED
# [I] nor is the answer to a schema id that the org doesn't know.
UNKNOWN_SCHEMA_STATUS = grpc.StatusCode.NOT_FOUND


class PubSubError(Exception):
    """A call that ends with a refusal."""

    def __init__(self, status: grpc.StatusCode, code: str, message: str) -> None:
        """`code` comes without its prefix."""
        super().__init__(message)
        self.status = status
        self.code = PREFIX + code
        self.message = message


def new_rpc_id() -> str:
    """The id of one call."""
    return str(uuid.uuid4())


def refuse(context: grpc.ServicerContext, error: PubSubError, rpc_id: str) -> NoReturn:
    """End the call with the error's status, text and trailers."""
    context.set_trailing_metadata(((ERROR_CODE_TRAILER, error.code), (RPC_ID_TRAILER, rpc_id)))
    context.abort(error.status, f"{error.message} rpcId: {rpc_id}")
    raise AssertionError("grpc's abort raises")


def _invalid(code: str, message: str) -> PubSubError:
    return PubSubError(grpc.StatusCode.INVALID_ARGUMENT, code, message)


def headers_missing(name: str) -> PubSubError:
    """A call without one of its three headers."""
    message = f"The request header {name} is missing or isn't valid."
    return PubSubError(grpc.StatusCode.UNAUTHENTICATED, "service.auth.headers.invalid", message)


def not_authenticated() -> PubSubError:
    """A token that is unknown, revoked or too old, or of another org."""
    message = "Authentication exception occurred. SFDC_EXCEPTION: INVALID_SESSION_ID."
    return PubSubError(grpc.StatusCode.UNAUTHENTICATED, "service.auth.error", message)


def refresh_refused() -> PubSubError:
    """A token in `auth_refresh` that is no good."""
    message = "The access token of auth_refresh isn't valid."
    return PubSubError(grpc.StatusCode.UNAUTHENTICATED, "service.auth.refresh.invalid", message)


def topic_missing() -> PubSubError:
    """No topic is named."""
    return _invalid("topic.validation.empty", "The topic name is empty.")


def topic_unknown(topic: str) -> PubSubError:
    """The org has no such topic; names are case-sensitive."""
    message = f"The topic {topic} isn't available, or you don't have permission to access it."
    return PubSubError(grpc.StatusCode.NOT_FOUND, "topic.not.found", message)


def schema_id_missing() -> PubSubError:
    """No schema is named."""
    return _invalid("schema.validation.failed", "The schema ID is empty.")


def schema_unknown(schema_id: str) -> PubSubError:
    """The org has no such schema."""
    message = f"The schema {schema_id} isn't available, or you don't have permission to access it."
    return PubSubError(UNKNOWN_SCHEMA_STATUS, "schema.validation.failed", message)


def request_missing() -> PubSubError:
    """A stream that ends before it asks for anything."""
    return _invalid("subscription.fetch.request.invalid", "The stream holds no fetch request.")


def count_invalid(count: int) -> PubSubError:
    """A request for no events, or fewer."""
    message = f"num_requested is {count}: it must be greater than zero."
    return _invalid("subscription.fetch.requested.events.invalid", message)


def topic_changed(topic: str) -> PubSubError:
    """A later request of another topic."""
    message = f"A stream stays with the topic of its first request, which isn't {topic}."
    return _invalid("subscription.fetch.topic.mismatch", message)


def replay_repeated() -> PubSubError:
    """A later request with a replay preset or id."""
    message = "The replay preset and ID can be given in the first request of a stream only."
    return _invalid("subscription.fetch.replay.repeated", message)


def replay_inconsistent(message: str) -> PubSubError:
    """Preset and id don't go together."""
    return _invalid("subscription.fetch.replayid.validation.failed", message)


def replay_corrupted() -> PubSubError:
    """An id that is unknown or no longer kept: the same answer for both ([D] section 7.5)."""
    message = "The Replay ID validation failed. Ensure that the Replay ID is valid."
    return _invalid("subscription.fetch.replayid.corrupted", message)


def delivery_exceeded() -> PubSubError:
    """The org's allocation of delivered events is spent ([D] section 7.1)."""
    message = "You have exceeded the event delivery limit for your org."
    return PubSubError(LIMIT_STATUS, "subscription.limit.exceeded", message)


def too_many_streams() -> PubSubError:
    """More subscribers than the org serves at once."""
    message = "The maximum number of concurrent clients is reached."
    return PubSubError(LIMIT_STATUS, "concurrent.client.limit.exceeded", message)


def unavailable() -> PubSubError:
    """A stream that the server drops."""
    return PubSubError(grpc.StatusCode.UNAVAILABLE, "service.unavailable", "The service is unavailable.")


def subscription_unknown(name: str) -> PubSubError:
    """The org has no such managed subscription ([I] codes of managed subscriptions)."""
    message = f"The managed subscription {name} isn't available."
    return PubSubError(grpc.StatusCode.NOT_FOUND, "managed.subscription.not.found", message)


def subscription_stopped(name: str) -> PubSubError:
    """It isn't in the state RUN."""
    message = f"The managed subscription {name} is stopped."
    return PubSubError(grpc.StatusCode.FAILED_PRECONDITION, "managed.subscription.not.running", message)


def subscription_changed() -> PubSubError:
    """A later request of another managed subscription."""
    message = "A stream stays with the managed subscription of its first request."
    return _invalid("managed.subscription.mismatch", message)


def publish_refused() -> PubSubError:
    """Change events come from changes only ([I] code)."""
    message = "You can't publish events to a change event channel."
    return PubSubError(grpc.StatusCode.PERMISSION_DENIED, "publish.topic.cannot.publish", message)
