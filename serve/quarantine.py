"""What `holdfast quarantine` does: writes to the catalogue what is wished, and tells what has come of it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.console import Console

from actors.auditor import AUDITOR
from actors.auditor.dangers import REPLAYS, Replays
from actors.catalogue.quarantines import Correction, Quarantine, Quarantines
from actors.core.ids import BlockId, Kind, event_id, parse_id, parse_ticket_id
from actors.database.line import Line
from actors.engine.striking import CannotStrike
from actors.engine.withholding import NO_STATE, UNLESS_STRUCK
from actors.journal.journal import JournalUnavailable
from actors.journal.succession import JournalDamaged
from actors.projections.block_roles import BlockRole, blocks_beside
from serve.database_command import Refused, check_words, run_with
from serve.struck import struck_and_followed, would_be_struck
from serve.wire_time import rfc3339

LOOK_S = 0.1
END_PATIENCE_S = 30.0

_REPLAYS = {str(fault): replays for fault, replays in REPLAYS.items()}
_FLAGS = {
    "tickets": "--void-ticket",
    "holds": "--end-hold",
    "orders": "--end-order",
    "given_up": "--give-up",
    "by": "--by",
    "why": "--why",
}
_MAX_DIGITS = 6
_NOT_KNOWN = (
    "whether it is a block of an event that is split is not known, as no projection has followed it yet: see holdfast "
    "shards list --blocks, and impose it again"
)
_AT_DESKS = (
    "nothing more of the event is held; what is held already is its desks': until its time is over it can be paid or "
    "released"
)


class Ends(NamedTuple):
    """What is to end, in an operator's words; and whether what cannot be applied is struck, and who is to give up."""

    tickets: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    strikes: bool = False
    given_up: tuple[str, ...] = ()


def run_list(database_url: str, console: Console, errors: Console) -> int:
    """Print what is quarantined. The exit code."""

    async def tell(quarantines: Quarantines) -> None:
        told: list[str] = []
        for one in await quarantines.all():
            told.append(line_of(one))
            if _replays(one) is Replays.NEVER:
                told.append(f"{'':10}→ {way_out(one)}")
        console.print("\n".join(told) or "nothing is quarantined", markup=False)

    return run_with(Quarantines, database_url, "quarantine", errors, tell)


def run_impose(
    database_url: str, block: BlockId, by: str, why: str, console: Console, errors: Console, *, only: bool = False
) -> int:
    """Impose a quarantine, of an event that is split on all of its blocks, unless `only` on this one. The exit code."""

    async def tell(quarantines: Quarantines) -> None:
        check_words(by, why)
        if await quarantines.head(block) is None:
            raise Refused(f"there is no event {event_id(block)}")
        beside = {} if only else await _beside(database_url, block)
        for one in dict.fromkeys((block, *(beside or ()))):
            console.print(await _impose(quarantines, one, by, why, (beside or {}).get(one)), markup=False)
        if beside is None:
            errors.print(_NOT_KNOWN, markup=False)
        elif beside:
            console.print(_AT_DESKS, markup=False)

    return run_with(Quarantines, database_url, "quarantine", errors, tell)


def run_end(
    database_url: str,
    block: BlockId,
    by: str,
    why: str,
    ends: Ends,
    console: Console,
    errors: Console,
    *,
    only: bool = False,
) -> int:
    """End a quarantine, unless `only` with those imposed with it, and print what has come of that. The exit code."""

    async def tell(quarantines: Quarantines) -> None:
        check_words(by, why)
        correction = _correction(block, by, why, ends)
        beside = await _standing_beside(quarantines, database_url, block)
        others = [] if only else _imposed_with(block, beside)
        if beside and block not in beside:
            ids = ", ".join(map(event_id, beside))
            raise Refused(f"{event_id(block)} is not quarantined; of the other blocks of its event these are: {ids}")
        number, outcome = await end(quarantines, block, correction, ends)
        console.print(outcome, markup=False)
        if correction.strikes:
            for line in await struck_and_followed(database_url, block, number):
                console.print(line, markup=False)
        await _end_others(quarantines, others, Correction(by, why), console)
        left = await quarantines.of([one for one in beside if one != block])
        console.print("\n".join(map(line_of, left)), markup=False, end="\n" if left else "")

    return run_with(Quarantines, database_url, "quarantine", errors, tell)


def run_preview(database_url: str, block: BlockId, given_up: Sequence[str], console: Console, errors: Console) -> int:
    """Print what would be struck, and change nothing. The exit code."""

    async def tell(quarantines: Quarantines) -> None:
        numbers = tuple(_number(block, "--give-up", Kind.HOLD, text) for text in given_up)
        if await quarantines.head(block) is None:
            raise Refused(f"there is no event {event_id(block)}")
        try:
            lines = await would_be_struck(database_url, block, numbers)
        except CannotStrike as fault:
            raise Refused(f"{event_id(block)}: {_in_flags(str(fault), Ends(given_up=tuple(given_up)))}") from fault
        except (JournalUnavailable, JournalDamaged) as fault:
            raise Refused(f"{event_id(block)}: nothing of it can be struck: {fault}") from fault
        console.print("\n".join(lines) or f"nothing: the journal of {event_id(block)} replays as it is", markup=False)

    return run_with(Quarantines, database_url, "quarantine", errors, tell)


async def _beside(database_url: str, block: BlockId) -> dict[BlockId, BlockRole] | None:
    line = Line(database_url, application_name="holdfast quarantine")
    try:
        return await blocks_beside(line, block)
    finally:
        await line.close()


async def _impose(quarantines: Quarantines, block: BlockId, by: str, why: str, role: BlockRole | None) -> str:
    """What is said of it."""
    what = event_id(block) if role is None else f"{event_id(block)}, {role},"
    position = await quarantines.head(block)
    if position is None:
        return f"{what} is not there yet, and does not come to be while its home is quarantined"
    if await quarantines.impose(block, position, why, by):
        return f"{what} is quarantined: its shard stops within about a second"
    return "\n".join(map(line_of, await quarantines.of([block])))


async def _standing_beside(quarantines: Quarantines, database_url: str, block: BlockId) -> dict[BlockId, Quarantine]:
    """The quarantines of all blocks of the event that is split and has this one."""
    return {one.block: one for one in await quarantines.of(await _beside(database_url, block) or ())}


def _imposed_with(block: BlockId, beside: Mapping[BlockId, Quarantine]) -> list[BlockId]:
    """The other blocks that an operator has quarantined with this one: by the same, for the same reason.

    Where something was found since, somebody is to look at it first.
    """
    mine = beside.get(block)
    if mine is None or mine.by == AUDITOR:
        return []
    alike = [one for one in beside.values() if (one.by, one.why) == (mine.by, mine.why) and one.block != block]
    return [one.block for one in alike if one.position == one.last_position]


async def _end_others(
    quarantines: Quarantines, blocks: Sequence[BlockId], correction: Correction, console: Console
) -> None:
    """End these as well, all at once. Raises Refused: some are not."""
    outcomes = await asyncio.gather(
        *(end(quarantines, block, correction, Ends()) for block in blocks), return_exceptions=True
    )
    refusals = []
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            refusals.append(str(outcome))
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            console.print(outcome[1], markup=False)
    if refusals:
        raise Refused("; ".join(refusals))


async def end(quarantines: Quarantines, block: BlockId, correction: Correction, ends: Ends) -> tuple[int, str]:
    """Wish it, and wait until it is done; its number, and what is said. Raises Refused, CatalogueUnavailable."""
    event = event_id(block)
    number = await quarantines.wish_end(block, correction)
    if number is None:
        if await quarantines.of([block]):
            raise Refused(f"{event} is being ended otherwise: wait for what comes of that (holdfast quarantine list)")
        raise Refused(f"{event} is not quarantined")
    until_s = time.monotonic() + END_PATIENCE_S
    while time.monotonic() < until_s:
        outcome = await quarantines.outcome(block, number)
        if outcome.refused_because:
            because = _in_flags(outcome.refused_because, ends)
            says_no_more = correction.strikes and not outcome.refused_because.startswith(NO_STATE)
            standing = () if says_no_more else await quarantines.of([block])
            left = [way_out(one) for one in standing if _replays(one) is Replays.NEVER]
            raise Refused("; ".join((f"{event} stays quarantined: {because}", *left)))
        if outcome.has_ended:
            again = await quarantines.of([block])
            found = "; something was found meanwhile, so it is quarantined anew" if again else ""
            return number, f"the quarantine of {event} has ended{found}"
        await asyncio.sleep(LOOK_S)
    raise Refused(f"{event} is not served again in {END_PATIENCE_S:.0f} s: it will be when its shard serves")


def line_of(standing: Quarantine) -> str:
    """What is quarantined, since when, by whom, because of which rows and why, and what comes of wishes to end it."""
    rows = f"rows {standing.position} to {standing.last_position}" if standing.last_position else "no row"
    rows = f"row {standing.position}" if standing.position == standing.last_position != 0 else rows
    words = [event_id(standing.block), rfc3339(standing.imposed_at_ms), f"by {standing.by}", rows, standing.why]
    if standing.is_ending:
        words.append("(is being ended)")
    if standing.refused_because:
        words.append(f"(could not be ended: {standing.refused_because})")
    return "  ".join(words)


def way_out(standing: Quarantine) -> str:
    """What an operator can do about it."""
    event = event_id(standing.block)
    look = f"holdfast audit {event}, holdfast journal {event}"
    match _replays(standing):
        case Replays.NEVER if not _is_damaged(standing):
            return (
                "its shard cannot replay it as it is. See what of it can be struck, so that it does not count: "
                f"holdfast quarantine preview {event}. Who had a unit first keeps it; --give-up names a hold that is "
                f"not to. Then holdfast quarantine end {event} --strike, with the same words, and pay back elsewhere "
                f"whoever lost something ({look})"
            )
        case Replays.NEVER:
            return (
                "this release cannot end it, as its shards cannot replay its journal, and nothing of it can be changed "
                f"or put away. What was sold is told by {look}: pay back elsewhere, and sell what is left as another "
                f"event. A release whose shards replay it can end it (holdfast quarantine end {event}); a backup that "
                "is restored to a mark before that (holdfast backup restore) takes back all events"
            )
        case Replays.SOME:
            hope = (
                "; where its shard cannot replay what was found, that is refused, and nothing has changed: holdfast "
                f"quarantine preview {event} shows what --strike would strike"
            )
        case Replays.ALWAYS:
            hope = ""
    return f"look at it ({look}), then holdfast quarantine end {event}{hope}"


def _replays(standing: Quarantine) -> Replays:
    """As a shard has said, if it has tried; else by what was found. What an operator imposes says nothing of rows."""
    if standing.refused_because.startswith(NO_STATE):
        return Replays.NEVER
    found = _REPLAYS.get(standing.why.partition(": ")[0], Replays.ALWAYS)
    has_more = standing.position < standing.last_position  # of which it is not known what it is
    return Replays.SOME if found is Replays.ALWAYS and has_more else found


def _is_damaged(standing: Quarantine) -> bool:
    """Whether a shard has said that nothing helps that is struck."""
    return standing.refused_because.startswith(NO_STATE) and UNLESS_STRUCK not in standing.refused_because


def _correction(block: BlockId, by: str, why: str, ends: Ends) -> Correction:
    return Correction(
        by,
        why,
        tuple(_ticket(block, text) for text in ends.tickets),
        tuple(_number(block, "--end-hold", Kind.HOLD, text) for text in ends.holds),
        tuple(_number(block, "--end-order", Kind.ORDER, text) for text in ends.orders),
        ends.strikes or bool(ends.given_up),
        tuple(_number(block, "--give-up", Kind.HOLD, text) for text in ends.given_up),
    )


def _ticket(block: BlockId, text: str) -> tuple[int, int]:
    named = parse_ticket_id(text)
    order, _, place = text.partition("/")
    if named is None and place.isascii() and place.isdecimal() and len(place) <= _MAX_DIGITS:
        return _number(block, "--void-ticket", Kind.ORDER, order), int(place) - 1
    if named is None or named[0] != block:
        raise Refused(f"--void-ticket {text}: must be ORDER/TICKET of {event_id(block)}, as in order_.../2, or an id")
    return named[1:]


def _number(block: BlockId, flag: str, kind: Kind, text: str) -> int:
    named = parse_id(kind, text)
    if named is None:
        raise Refused(f"{flag} {text}: is not the id of {'an' if kind is Kind.ORDER else 'a'} {kind}")
    if named[0] != block:
        raise Refused(f"{flag} {text}: is of {event_id(named[0])}, which has a quarantine of its own, or none")
    return named[1]


def _in_flags(refusal: str, ends: Ends) -> str:
    """What the block says of fields, in the words of the command: `holds[0]` is the first `--end-hold`."""
    return "; ".join(_in_flag(fault, ends) for fault in refusal.split("; "))


def _in_flag(fault: str, ends: Ends) -> str:
    field, separator, problem = fault.partition(": ")
    name, _, place = field.partition("[")
    if not separator or name not in _FLAGS:
        return fault
    named = f" {getattr(ends, name)[int(place[:-1])]}" if place else ""
    return f"{_FLAGS[name]}{named}: {problem}"
