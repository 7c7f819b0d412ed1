"""Method paths and field numbers are the wire; the expected ones are the contract's table, section 8."""

import pytest

from sf_pipelines.wire import pubsub_api_pb2

FIELDS = {
    "TopicRequest": {"topic_name": 1},
    "TopicInfo": {
        "topic_name": 1,
        "tenant_guid": 2,
        "can_publish": 3,
        "can_subscribe": 4,
        "schema_id": 5,
        "rpc_id": 6,
    },
    "EventHeader": {"key": 1, "value": 2},
    "ProducerEvent": {"id": 1, "schema_id": 2, "payload": 3, "headers": 4},
    "ConsumerEvent": {"event": 1, "replay_id": 2},
    "PublishResult": {"replay_id": 1, "error": 2, "correlation_key": 3},
    "Error": {"code": 1, "msg": 2},
    "FetchRequest": {
        "topic_name": 1,
        "replay_preset": 2,
        "replay_id": 3,
        "num_requested": 4,
        "auth_refresh": 5,
    },
    "FetchResponse": {"events": 1, "latest_replay_id": 2, "rpc_id": 3, "pending_num_requested": 4},
    "SchemaRequest": {"schema_id": 1},
    "SchemaInfo": {"schema_json": 1, "schema_id": 2, "rpc_id": 3},
    "PublishRequest": {"topic_name": 1, "events": 2, "auth_refresh": 3},
    "PublishResponse": {"results": 1, "schema_id": 2, "rpc_id": 3},
    "ManagedFetchRequest": {
        "subscription_id": 1,
        "developer_name": 2,
        "num_requested": 3,
        "auth_refresh": 4,
        "commit_replay_id_request": 5,
    },
    "ManagedFetchResponse": {
        "events": 1,
        "latest_replay_id": 2,
        "rpc_id": 3,
        "pending_num_requested": 4,
        "commit_response": 5,
    },
    "CommitReplayRequest": {"commit_request_id": 1, "replay_id": 2},
    "CommitReplayResponse": {"commit_request_id": 1, "replay_id": 2, "error": 3, "process_time": 4},
}


@pytest.mark.parametrize("message", sorted(FIELDS))
def test_a_message_has_the_field_numbers_of_the_contract(message: str) -> None:
    fields = pubsub_api_pb2.DESCRIPTOR.message_types_by_name[message].fields
    assert {field.name: field.number for field in fields} == FIELDS[message]


def test_every_message_is_held_to_the_contract() -> None:
    assert set(pubsub_api_pb2.DESCRIPTOR.message_types_by_name) == set(FIELDS)


def test_the_service_has_the_paths_of_the_contract() -> None:
    service = pubsub_api_pb2.DESCRIPTOR.services_by_name["PubSub"]
    assert service.full_name == "eventbus.v1.PubSub"
    assert {method.name for method in service.methods} == {
        "Subscribe",
        "GetSchema",
        "GetTopic",
        "Publish",
        "PublishStream",
        "ManagedSubscribe",
    }
