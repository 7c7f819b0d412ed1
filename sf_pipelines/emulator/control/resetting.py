"""What the org is, and making it new.

Belongs here: info and reset. Imports call, latency, surface.
"""

from __future__ import annotations

from typing import Any

from sf_pipelines.emulator.control.call import ControlCall
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.latency.triggers import let_transactions_last


def reset_org(surface: Surface) -> None:
    """Throw away records, jobs, cursors, use of limits, faults, drains, snapshots and the list of calls.

    Maxima and latency are again those of the start; sessions stay, and so does the clock.
    """
    surface.latency.reset()
    let_transactions_last(surface.org, surface.latency)
    # only now, so that no transaction begins to last after those that did were ended
    let_go(surface)
    surface.jobs.clear()
    surface.workers.wait_idle()
    surface.classic.clear()
    surface.cursors.clear()
    surface.recents.clear()
    surface.org.reset()
    surface.limits.reset()
    surface.long_requests.of_neighbours = 0
    surface.snapshots.clear()
    surface.calls.clear()


def let_go(surface: Surface) -> None:
    """End everything that waits: held calls, slow transactions, stuck jobs."""
    surface.faults.clear()
    surface.comet_clients.clear()
    surface.org.transactions.interrupt()


def reset_all(call: ControlCall) -> dict[str, Any]:
    """`POST reset`."""
    reset_org(call.surface)
    return {"reset": True}


def read_info(call: ControlCall) -> dict[str, Any]:
    """`GET info`."""
    surface = call.surface
    return {
        "organizationId": surface.org.org_id,
        "userId": surface.org.user_id,
        "now": surface.org.clock.now().isoformat(),
        "profile": surface.latency.profile.name,
        "objects": sorted(surface.org.schema.objects),
        "jobs": len(surface.jobs.all()) + len(surface.classic.all()),
        "faults": len(surface.faults.all()),
    }
