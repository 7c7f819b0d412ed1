"""Tags of a sync's asset: what sensors need to know of a sync without running it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

from sf_pipelines.model.rail import Criticality, Direction, LatencyClass, Operation
from sf_pipelines.model.sync import ExtractSync, LoadSync

OBJECT_TAG = "salesforce/object"
SYNC_TAG = "salesforce/sync"
CRITICALITY_TAG = "salesforce/criticality"
LATENCY_TAG = "salesforce/latency_class"
OPERATION_TAG = "salesforce/operation"

CHANNEL_TAG = "salesforce/channel"
"""On assets of changes: the channel without its prefix, since the value of a tag has no slash."""

CHANNEL_PREFIX = "/data/"


@dataclass(frozen=True, kw_only=True, slots=True)
class TaggedSync:
    """A sync as its asset's tags tell it."""

    name: str
    sobject: str
    operation: Operation
    criticality: Criticality
    latency_class: LatencyClass

    @property
    def direction(self) -> Direction:
        """A query reads, everything else writes."""
        is_read = self.operation in (Operation.QUERY, Operation.QUERY_ALL)
        return Direction.EXTRACT if is_read else Direction.LOAD


def sync_tags(sync: LoadSync | ExtractSync) -> dict[str, str]:
    """The tags of the asset of a sync."""
    return {
        OBJECT_TAG: sync.sobject,
        SYNC_TAG: sync.name,
        OPERATION_TAG: (sync.operation if isinstance(sync, LoadSync) else Operation.QUERY).value,
        CRITICALITY_TAG: sync.criticality.value,
        LATENCY_TAG: sync.latency_class.value,
    }


def asset_keys(context: dg.SensorEvaluationContext) -> dict[str, dg.AssetKey]:
    """The asset of each declared sync, by the sync's name; empty for a context without definitions."""
    return {sync.name: key for sync, key in declared_syncs(context)}


def declared_syncs(context: dg.SensorEvaluationContext) -> list[tuple[TaggedSync, dg.AssetKey]]:
    """Every declared sync with its asset; none for a context without definitions."""
    repository = context.repository_def
    if repository is None:
        return []
    graph = repository.asset_graph
    found = ((read_tags(graph.get(key).tags), key) for key in graph.get_all_asset_keys())
    return [(sync, key) for sync, key in found if sync is not None]


def streamed_objects(repository: dg.RepositoryDefinition | None) -> dict[str, str]:
    """Object to channel of all changes that are declared; empty for a context without definitions."""
    if repository is None:
        return {}
    graph = repository.asset_graph
    tags = [graph.get(key).tags for key in sorted(graph.get_all_asset_keys())]
    return {item[OBJECT_TAG]: CHANNEL_PREFIX + item[CHANNEL_TAG] for item in tags if CHANNEL_TAG in item}


def read_tags(tags: Mapping[str, str]) -> TaggedSync | None:
    """The sync of an asset, None for an asset of another kind.

    Raises:
        ValueError: an operation, a criticality or a latency class that this release does not know.
    """
    if SYNC_TAG not in tags:
        return None
    return TaggedSync(
        name=tags[SYNC_TAG],
        sobject=tags[OBJECT_TAG],
        operation=Operation(tags[OPERATION_TAG]),
        criticality=Criticality(tags[CRITICALITY_TAG]),
        latency_class=LatencyClass(tags[LATENCY_TAG]),
    )
