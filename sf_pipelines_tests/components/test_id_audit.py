from __future__ import annotations

import dagster as dg

from sf_pipelines.components import SalesforceExtract
from sf_pipelines.components.id_audit import AGREE
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines_tests.components.runs import checks_of, materialized

EXTRACT = SalesforceExtract(object="Account", fields=["Name"])


def audited(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    definitions = EXTRACT.build_defs(dg.ComponentTree.for_test().load_context)
    _, audit = definitions.assets or ()
    assert isinstance(audit, dg.AssetsDefinition)
    return dg.materialize(
        [audit], instance=instance, resources={"pipelines": PipelinesResource()}, raise_on_error=False
    )


def test_the_audit_of_ids_shows_what_is_gone_and_fails_for_what_is_missing(
    instance: dg.DagsterInstance, emulator: EmulatorServer, clock: Clock
) -> None:
    org = emulator.surface.org
    ids = [
        str(result.id) for result in org.create("Account", [{"Name": n} for n in "ab"], user_id=org.user_id)
    ]
    clock.advance(60)
    assert materialized(EXTRACT, instance).success
    assert org.delete("Account", ids[:1], hard=True)[0].success
    clock.advance(60)

    complete = audited(instance)
    org.create("Account", [{"Name": "c"}], user_id=org.user_id)
    clock.advance(60)
    lacking = audited(instance)

    (event,) = complete.get_asset_materialization_events()
    figures = {name: value.value for name, value in event.materialization.metadata.items()}
    assert (figures["org_rows"], figures["rows_gone"], figures["rows_missing"]) == (1, 1, 0)
    assert checks_of(complete) == {AGREE: (True, "ERROR")}
    assert checks_of(lacking) == {AGREE: (False, "ERROR")}
