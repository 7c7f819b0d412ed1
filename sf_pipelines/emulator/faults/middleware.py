"""Lets faults and latency happen around the application, and keeps the list of calls.

Belongs here: the order of what happens to one call. Not here: the single acts (answers.py, mutations.py,
transport.py). Imports the parts of this folder, latency, surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sf_pipelines.emulator.dml.refusals import RowRefusals, refusing
from sf_pipelines.emulator.faults import transport
from sf_pipelines.emulator.faults.answers import answer_in_place
from sf_pipelines.emulator.faults.book import SetFault
from sf_pipelines.emulator.faults.calls import Call
from sf_pipelines.emulator.faults.exchange import Answer, Exchange
from sf_pipelines.emulator.faults.mutations import mutate
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.latency.waiting import wait_on_clock

_CONTROL = "/emulator/"
_ON_THE_ANSWER = frozenset({"stall", "truncate", "truncate_gzip", "wrong_record_count", "wrong_counters"})
_IN_THE_ORG = frozenset({"rows_fail", "job_deleted"})


class FaultyApp:
    """The ASGI application with whatever is set to go wrong. Costs a list entry a call when nothing is."""

    def __init__(self, app: ASGIApp, surface: Surface) -> None:
        """Serve `app`, the application of `surface`."""
        self._app = app
        self._surface = surface

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] != "http" or scope["path"].startswith(_CONTROL):
            await self._app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        call = self._surface.calls.open(method, path)
        hit = self._surface.faults.hit_by_call(method, path)
        delay = self._surface.latency.request_seconds()
        told = _telling(call, send)
        if not hit and delay <= 0:
            await self._app(scope, receive, told)
            return
        call.faults = [entry.fault.name for entry in hit]
        exchange = Exchange(scope, receive, send)
        if delay <= 0 or await self._pass_time(exchange, delay):
            await self._serve(exchange, call, hit)

    async def _serve(self, exchange: Exchange, call: Call, hit: Sequence[SetFault]) -> None:
        early = [entry for entry in hit if _is_early(entry)]
        late = [entry for entry in hit if not _is_early(entry)]
        with ExitStack() as held:
            for entry in early:
                if not await self._before(exchange, call, entry, held):
                    return
            if not late:
                await self._app(exchange.scope, exchange.receive, _telling(call, exchange.send))
                return
            answer = await exchange.answer_of(self._app)
        for entry in late:
            bent = await self._after(exchange, call, entry, answer)
            if bent is None:
                return
            answer = bent
        await _finish(exchange, call, answer)

    async def _before(self, exchange: Exchange, call: Call, entry: SetFault, held: ExitStack) -> bool:
        """False when the call ends here."""
        fault = entry.fault
        ticket = self._strike(entry)
        if fault.kind in ("slow", "hold"):
            return await self._wait(exchange, entry, ticket)
        if fault.kind == "reset":
            await exchange.read_ahead()
            await transport.reset(exchange)
            return False
        if fault.kind == "rows_fail":
            held.enter_context(refusing(_refusals(entry)))
            return True
        if fault.kind == "job_deleted":
            self._surface.jobs.remove_named_in(call.path)
            return True
        answer = answer_in_place(fault.kind, fault.options, exchange.scope)
        if answer is None:
            raise LookupError(f"Nobody does what a fault of kind {fault.kind} asks for")
        await exchange.read_ahead()
        await _finish(exchange, call, answer)
        return False

    async def _after(self, exchange: Exchange, call: Call, entry: SetFault, answer: Answer) -> Answer | None:
        """The answer to go on with; None when the exchange is over."""
        fault = entry.fault
        ticket = self._strike(entry)
        if fault.kind in ("slow", "hold"):
            return answer if await self._wait(exchange, entry, ticket) else None
        if fault.kind == "reset":
            await transport.reset(exchange)
            return None
        if fault.kind == "truncate":
            call.status = answer.status
            await transport.truncate(exchange, answer, fault.options["share"])
            return None
        if fault.kind == "stall":
            call.status = answer.status
            await transport.begin_body(exchange, answer, fault.options["bytes"])
            await exchange.waits(self._release(entry, ticket))
            await transport.reset(exchange)
            return None
        mutate(fault.kind, fault.options, answer)
        return answer_in_place(fault.kind, fault.options, exchange.scope) or answer

    async def _wait(self, exchange: Exchange, entry: SetFault, ticket: int) -> bool:
        if entry.fault.kind == "slow":
            return await self._pass_time(exchange, entry.fault.options["seconds"])
        await exchange.read_ahead()
        return await exchange.waits(self._release(entry, ticket))

    def _strike(self, entry: SetFault) -> int:
        """Count the hit; the ticket is older than it, so that a release at its news isn't missed."""
        ticket = entry.ticket()
        self._surface.faults.strike(entry)
        return ticket

    async def _release(self, entry: SetFault, ticket: int) -> None:
        await wait_on_clock(self._surface.org.clock, lambda: entry.is_released(ticket))

    async def _pass_time(self, exchange: Exchange, seconds: float) -> bool:
        """False when the client hung up meanwhile; a reset ends the waiting."""
        clock, faults = self._surface.org.clock, self._surface.faults
        generation = faults.generation
        await exchange.read_ahead()
        until = clock.after(seconds)
        return await exchange.waits(wait_on_clock(clock, lambda: faults.generation != generation, until))


def _is_early(entry: SetFault) -> bool:
    fault = entry.fault
    if fault.kind in _IN_THE_ORG:
        return True
    return fault.kind not in _ON_THE_ANSWER and fault.when == "before"


def _refusals(entry: SetFault) -> RowRefusals:
    options = entry.fault.options
    return RowRefusals(code=options["code"], message=options["message"] or None, rows=options["rows"])


async def _finish(exchange: Exchange, call: Call, answer: Answer) -> None:
    await answer.send(_telling(call, exchange.send))


def _telling(call: Call, send: Send) -> Send:
    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start":
            call.status = message["status"]
        await send(message)

    return tell
