"""What the buyers of a simulation ask and are told, as a history; and what the two checks say of it."""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

import msgspec

from actors.audit import rows as audit_rows
from actors.audit.audit import BlockAudit
from actors.audit.findings import Fault
from actors.audit.keys import journaled_key
from actors.core.ids import BlockId, Kind, outside_id, parse_event_id
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import HoldReply, OrderReply
from actors.reservations import Done
from loadtests.history.calls import READS, Call, Outcome, Recorder, Seen
from loadtests.history.calls import Kind as Asked
from loadtests.history.linear import Linearity, check
from loadtests.history.model import Model
from loadtests.history.tally import Tally, together
from loadtests.history.witness import Witness
from tests.loadtests.journals import acknowledged
from tests.simulation.clocks import START_MS
from tests.simulation.gateways import ConnectionLost

if TYPE_CHECKING:
    from tests.simulation.world import World

D = TypeVar("D", Done[HoldReply], Done[OrderReply])
DEADLINE_US = 15_000_000
OF_HISTORIES = (
    Fault.AGAINST_REAL_TIME,
    Fault.DONE_THOUGH_REFUSED,
    Fault.REFUSED_WRONGLY,
    Fault.READ_WRONGLY,
    Fault.READ_STALE,
    Fault.REPLY_NOT_IN_JOURNAL,
)


class History:
    """The calls of one run, in the order of asking."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.recorder = Recorder(now_us, self.calls.append)

    async def ask(
        self,
        client: object,
        kind: Asked,
        event: str,
        key: str,
        answering: Awaitable[D | Rejected],
        **asked: object,
    ) -> D | Rejected:
        """Await the answer, and note both. Raises ConnectionLost as the answering does."""
        block = parse_event_id(event)
        assert block is not None, event
        over_us = now_us() + DEADLINE_US
        begun = self.recorder.begin(f"{id(client) % 9973}", kind, block, key, over_us=over_us, **asked)
        try:
            answer = await answering
        except ConnectionLost:
            begun.info("CONNECTION_LOST")
            raise
        if isinstance(answer, Rejected):
            if answer.reason is Reason.OUTCOME_UNKNOWN:
                begun.info(answer.reason.name)
            else:
                begun.fail(answer.reason.name, answer.details.units)
        elif kind in READS:
            begun.ok(_seen(answer))
        else:
            assert kind.told is not None
            told = acknowledged(kind.told, answer.reply, answer.position, answer.block, key)
            if answer.replayed:
                told = msgspec.structs.replace(told, expires_at_ms=0)
            begun.ok(told, replayed=answer.replayed)
        return answer

    def of_blocks(self, world: "World", tenant: str) -> dict[str, list[Call]]:
        """The calls by block. A refused one that the network repeated may yet happen, as nobody can know."""
        self.recorder.close()
        blocks: dict[str, list[Call]] = {}
        refused: set[str] = set()
        for call in self.calls:
            own = blocks.setdefault(call.block, [])
            if call.outcome is Outcome.FAIL and call.key and call.key not in refused:
                refused.add(call.key)
                if journaled_key(tenant, call.key) in world.repeated_keys:
                    own.append(msgspec.structs.replace(call, outcome=Outcome.INFO, reason="repeated", named=()))
            own.append(call)
        return blocks


def linearity(world: "World", history: History, tenant: str, capacities: dict[str, int]) -> dict[str, Linearity]:
    """By block: whether there is an order of its calls."""
    model = Model(capacities)
    return {block: check(calls, model) for block, calls in history.of_blocks(world, tenant).items()}


def witnessed(world: "World", history: History, tenant: str) -> tuple[list[str], Tally]:
    """What the journals say against the history."""
    faults: list[str] = []
    tallies: list[Tally] = []
    for block, calls in history.of_blocks(world, tenant).items():
        witness = Witness(block, calls, now_us())
        audit = BlockAudit(block, watcher=witness)
        rows = world.store.journals[BlockId(block)]
        findings = [finding for row in rows for finding in audit.take(audit_rows.Row(*msgspec.structs.astuple(row)))]
        findings += audit.finish()
        faults += [str(finding) for finding in findings if finding.fault in OF_HISTORIES]
        tallies.append(witness.tally)
    return faults, together(tallies)


def now_us() -> int:
    """The clock of the run, which is the journal's."""
    return START_MS * 1000 + int(asyncio.get_running_loop().time() * 1_000_000)


def _seen(done: Done[HoldReply] | Done[OrderReply]) -> Seen:
    reply = done.reply
    areas = tuple((places.area, places.quantity) for places in reply.areas)
    if isinstance(reply, OrderReply):
        return Seen(reply.status.name, reply.seats, areas, position=done.position)
    order_id = outside_id(Kind.ORDER, done.block, reply.order) if reply.order else ""
    return Seen(reply.status.name, reply.seats, areas, reply.expires_at_ms, order_id, done.position)
