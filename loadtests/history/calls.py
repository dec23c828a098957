"""The notation of a history: one `Call` for each time that something was asked, a line each, in the order of asking."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from heapq import merge
from pathlib import Path
from typing import TypeAlias

import msgspec

from actors.audit.replies import Acknowledged, Told


class Kind(StrEnum):
    """What can be asked: each write goes by what its acceptance will say (see `Told`)."""

    HOLD = "held"
    EXTEND = "extended"
    RELEASE = "released"
    ORDER = "ordered"
    CONFIRM = "confirmed"
    CANCEL = "cancelled"
    CANCEL_PARTLY = "partly cancelled"
    EXCHANGE = "exchanged"
    REASSIGN = "reassigned"
    CLOSE = "closed"
    WAIT = "waiting"
    LEAVE = "waiting no longer"
    READ_HOLD = "read hold"
    READ_ORDER = "read order"

    @property
    def told(self) -> Told | None:
        """What its acceptance says; None: it is a read."""
        return None if self in READS else Told(self.value)


READS = (Kind.READ_HOLD, Kind.READ_ORDER)


class Outcome(StrEnum):
    """OK: yes. FAIL: no, and nothing of this call happened or will. INFO: it may have happened, or may yet."""

    OK = "ok"
    FAIL = "fail"
    INFO = "info"


class Term(StrEnum):
    """What a wish is bound to, or allows: the channel through which it is asked for, the sections and categories of
    choices, price types other than the first, and that seats may be named that are kept for who needs them.
    """

    CHANNEL = "channel"
    SECTION = "section"
    CATEGORY = "category"
    PRICE_TYPE = "price type"
    ACCESSIBLE = "accessible"


class Seen(msgspec.Struct, frozen=True, omit_defaults=True, tag="seen"):
    """What a read told. `status`: its name, such as EXPIRED. `position`: of the row as of which it holds, 0 if unsaid.

    `units`: None, if the read is not known to have shown what it has, nor what it became.
    `order_id`: of the order that a hold became; empty if it is none.
    """

    status: str
    units: tuple[str, ...] | None = None
    areas: tuple[tuple[str, int], ...] = ()
    expires_at_ms: int = 0
    order_id: str = ""
    position: int = 0


Reply: TypeAlias = Acknowledged | Seen


class Call(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Something that was asked once, and what came of it.

    Times are in µs of one clock of the run, which never goes back. `returned_us`: None if it never returned, which only
    INFO may, which may take effect after it, too, but not after `over_us` (0: unknown).
    `block`: home of what it is about; of a hold that is asked for, the event's block. `id`: of the hold, the order or
    the waiter that it is about. `units`, `areas`, `best`: the wish, the last as the sizes of choices that are left to
    the server; of an exchange, what is wished instead of `tickets`. Where `block` is not an event's (in baskets and
    exchanges at a desk), each name has its event's block before it, and `best_of` says of which event each choice is.
    `told`: with OK, what was told. `reason`: with FAIL, the code, and `named` what stood in the way; with INFO, why.
    `spans`: wished for of resources, each from and until when, in ms. `buyer`: for whom it is, if that is known.
    `terms`: the names that are wished for besides those of units, all of them, with what each is a name of.
    `is_particular`: seats may be refused to it that others would get.
    `may_be_invalid`: who asked knows that something is wrong about it, though it need not show here.
    Calls under one key are tries of one thing; a try is answered by what an earlier one has come to.
    """

    client: str
    kind: Kind
    block: str
    invoked_us: int
    outcome: Outcome
    returned_us: int | None = None
    key: str = ""
    id: str = ""
    units: tuple[str, ...] = ()
    areas: tuple[tuple[str, int], ...] = ()
    best: tuple[int, ...] = ()
    tickets: tuple[int, ...] = ()
    ttl_ms: int = 0
    over_us: int = 0
    reason: str = ""
    named: tuple[str, ...] = ()
    told: Reply | None = None
    replayed: bool = False
    is_particular: bool = False
    spans: tuple[tuple[str, int, int], ...] = ()
    buyer: str = ""
    best_of: tuple[str, ...] = ()
    terms: tuple[tuple[Term, str], ...] = ()
    may_be_invalid: bool = False

    def terms_of(self, kind: Term) -> list[str]:
        """The names of this kind."""
        return [name for own, name in self.terms if own is kind]

    @property
    def quantity(self) -> int:
        """How many units are wished for."""
        return len(self.units) + sum(quantity for _, quantity in self.areas) + sum(self.best)


class Begun:
    """A call that is under way. Exactly one of `ok`, `fail` and `info` ends it."""

    def __init__(self, asked: Call, recorder: "Recorder") -> None:
        self.call = asked
        self.is_over = False
        self._recorder = recorder

    def ok(self, told: Reply, *, replayed: bool = False) -> None:
        """Yes."""
        self._end(Outcome.OK, told=told, replayed=replayed)

    def fail(self, reason: str, named: tuple[str, ...] = ()) -> None:
        """No, for certain."""
        self._end(Outcome.FAIL, reason=reason, named=named)

    def info(self, reason: str = "") -> None:
        """Nobody knows: it timed out, was cut, or the server said so."""
        self._end(Outcome.INFO, reason=reason)

    def _end(self, outcome: Outcome, **fields: object) -> None:
        assert not self.is_over, "a call ends once"
        self.is_over = True
        now_us = self._recorder.now_us()
        self.call = msgspec.structs.replace(self.call, outcome=outcome, returned_us=now_us, **fields)
        self._recorder.flush()


class Recorder:
    """Keeps the calls of a process in the order in which they were invoked; `keep` gets each as soon as that allows.

    `now_us`: the clock of the run. `close` gives those that never returned.
    """

    def __init__(self, now_us: Callable[[], int], keep: Callable[[Call], None]) -> None:
        self.now_us = now_us
        self._keep = keep
        self._begun: deque[Begun] = deque()

    def begin(self, client: str, kind: Kind, block: str, key: str = "", **asked: object) -> Begun:
        """The call is invoked now. `asked`: the fields of `Call` that say what is asked, and `over_us`."""
        call = Call(client, kind, block, self.now_us(), Outcome.INFO, None, key)
        begun = Begun(msgspec.structs.replace(call, **asked), self)
        self._begun.append(begun)
        return begun

    def flush(self) -> None:
        """Keep what waits for no earlier call."""
        while self._begun and self._begun[0].is_over:
            self._keep(self._begun.popleft().call)

    def close(self) -> None:
        """Keep the rest; what is under way never returned."""
        while self._begun:
            self._keep(self._begun.popleft().call)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Call)


def line_of(call: Call) -> bytes:
    """The call as a line of a file."""
    return _encoder.encode(call) + b"\n"


def read_calls(paths: Iterable[Path]) -> Iterator[Call]:
    """The calls in these files, each in the order of asking, merged. Raises OSError, msgspec.DecodeError."""
    return merge(*map(_calls_of, paths), key=lambda call: call.invoked_us)


def _calls_of(path: Path) -> Iterator[Call]:
    with path.open("rb") as lines:
        for line in lines:
            yield _decoder.decode(line)
