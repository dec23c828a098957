"""Is a history of one block linearizable: is there an order of its calls, each within its time, that a model allows?

The search of Wing and Gong with Lowe's memory: whoever may come next is tried, and a set of calls that led to the same
state before is not looked at again. A call that is allowed and changes nothing comes at once: it could only come later
for nothing. While a key is remembered, no refusal under it stands behind its effect. Calls that share no unit, area,
hold, order or key are looked at apart. See Wing and Gong 1993, Lowe 2017.
"""

from collections.abc import Iterable

import msgspec

from actors.audit.keys import HOLD_KEY_KEPT_MS
from actors.audit.replies import Acknowledged
from loadtests.history.calls import READS, Call, Outcome, Seen
from loadtests.history.lots import JOURNAL, id_of
from loadtests.history.model import Model
from loadtests.history.model_state import State, has_vague
from loadtests.history.skews import FOR_EVER_MS, Skews
from loadtests.history.standing import TURNED_AWAY, denies_its_key

MAX_STATES = 100_000
_NEVER_US = 1 << 62


class Linearity(msgspec.Struct):
    """What a check came to. `wrong`: for each part of the block that has no order, what does not fit into any.

    `vague`: those of them that came while of something it was not known who has it. What the `JOURNAL` tells is in no
    count. `refused`: refusals among them, by reason.
    `timeless`: those of them that may have come when clocks said little of deadlines any more, and were answered.
    `unchecked`: calls of parts that were given up, or that the model does not know. `calls`: how many were given, and
    `left_out` those that were not, by what they were told, for whoever chooses.
    """

    wrong: list[str] = []
    checked: int = 0
    timeless: int = 0
    vague: int = 0
    refused: dict[str, int] = {}
    unchecked: int = 0
    states: int = 0
    calls: int = 0
    left_out: dict[str, int] = {}


class _Step(msgspec.Struct, frozen=True, gc=False):
    """A call, or all calls under a key as one. `returned_us`: by then it has happened; of INFO never.

    `effect_of`: it is what this key came to. `before_effect_of`: it was refused before this key came to anything.
    """

    call: Call
    invoked_us: int
    returned_us: int
    effect_of: str = ""
    before_effect_of: str = ""


def check(calls: Iterable[Call], model: Model, max_states: int = MAX_STATES) -> Linearity:
    """Check the calls of one block. Times are in µs since 1970 by the clock by which deadlines were told."""
    found = Linearity()
    steps = _steps(calls, found, model.skews)
    untold = [step for step in steps if _is_untold_choice(step.call)]
    for part in _apart(steps, model):
        if not all(model.knows(step.call) for step in part):
            found.unchecked += len(part)
            continue
        search = _Search(part, model, max_states)
        fits = search.run()
        found.states += search.states
        if fits is False and any(step not in part for step in untold):
            search = _Search([*part, *(step for step in untold if step not in part)], model, max_states)
            fits = search.run()
            found.states += search.states
        asked = [step for step in part if step.call.client != JOURNAL]
        if fits is None:
            found.unchecked += len(asked)
        else:
            found.checked += len(asked)
            found.vague += search.vague
            for step in asked:
                if step.call.outcome is Outcome.FAIL:
                    found.refused[step.call.reason] = found.refused.get(step.call.reason, 0) + 1
            answered_us = (step.returned_us for step in asked if step.returned_us != _NEVER_US)
            found.timeless += sum(model.skews.is_lost(at_us // 1000) for at_us in answered_us)
            if not fits:
                found.wrong.append(search.stuck_at())
    return found


def _is_untold_choice(call: Call) -> bool:
    """Whether it may have got units that nobody was told of: they may be in the way of whoever names them."""
    return bool(call.best) and call.outcome is Outcome.INFO and call.told is None


def _steps(calls: Iterable[Call], found: Linearity, skews: Skews) -> list[_Step]:
    """What must find its place. Tries under one key are one write, which its last answer tells of."""
    by_key: dict[str, list[Call]] = {}
    steps: list[_Step] = []
    for call in calls:
        found.calls += call.client != JOURNAL
        if call.kind in READS or not call.key:
            if call.outcome is not Outcome.INFO and call.reason not in TURNED_AWAY:
                steps.append(_Step(call, call.invoked_us, _returned_us(call)))
        else:
            by_key.setdefault(call.key, []).append(call)
    for tries in by_key.values():
        steps += _steps_of_key(tries, found, skews)
    return steps


def _steps_of_key(tries: list[Call], found: Linearity, skews: Skews) -> list[_Step]:
    """The write, if it may have happened, from the first try that may have done it; and the refusals."""
    effective = [call for call in tries if call.outcome is not Outcome.FAIL]
    refused = [call for call in tries if call.outcome is Outcome.FAIL and call.reason not in TURNED_AWAY]
    open_since_us = effective[0].invoked_us if effective else 0
    kept_until_us = open_since_us + HOLD_KEY_KEPT_MS * 1000
    steps = [_refusal(call, effective, kept_until_us, skews) for call in refused]
    if not effective:
        return steps
    accepted = [call for call in effective if call.outcome is Outcome.OK]
    if not accepted:
        told = next((call for call in effective if call.told is not None), effective[0])
        told = msgspec.structs.replace(told, invoked_us=open_since_us)
        return [*steps, _Step(told, open_since_us, _NEVER_US, told.key)]
    first = min(accepted, key=lambda call: (call.replayed, call.returned_us))
    if len({id_of(call) for call in accepted if isinstance(call.told, Acknowledged)}) > 1:
        found.wrong.append(f"key {first.key} had several effects: {', '.join(map(id_of, accepted))}")
    first = msgspec.structs.replace(first, invoked_us=open_since_us)  # so that it may live from then on
    return [*steps, _Step(first, open_since_us, min(map(_returned_us, accepted)), first.key)]


def _refusal(call: Call, effective: list[Call], kept_until_us: int, skews: Skews) -> _Step:
    """It may have been that of an earlier try that was still under way. Until then its key is not forgotten."""
    under_way = (
        before.invoked_us
        for before in effective
        if before.invoked_us < call.invoked_us
        and (before.outcome is Outcome.INFO or _returned_us(before) >= call.invoked_us)
    )
    returned_us = _returned_us(call)
    is_bound = denies_its_key(call) and returned_us + skews.at(returned_us // 1000) * 1000 < kept_until_us
    since_us = min(under_way, default=call.invoked_us)
    return _Step(call, since_us, returned_us, before_effect_of=call.key if is_bound else "")


def _returned_us(call: Call) -> int:
    return _NEVER_US if call.returned_us is None else call.returned_us


def _apart(steps: list[_Step], model: Model) -> list[list[_Step]]:
    """Groups that share nothing: by whatever they name, in one pass that joins sets."""
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while above.setdefault(name, name) != name:
            above[name] = above[above[name]]
            name = above[name]
        return name

    for number, step in enumerate(steps):
        own = top(f"step {number}")
        keys = (f"key {key}" for key in (step.effect_of, step.before_effect_of) if key)
        for name in (*model.names(step.call), *keys):
            above[top(name)] = own
    groups: dict[str, list[_Step]] = {}
    for number, step in enumerate(steps):
        groups.setdefault(top(f"step {number}"), []).append(step)
    return list(groups.values())


class _Search:
    """Depth first. What is placed is a set of bits, one for each step in the order of asking."""

    def __init__(self, steps: list[_Step], model: Model, max_states: int) -> None:
        self.states = 0
        self.vague = 0
        self._steps = steps = sorted(steps, key=lambda step: step.invoked_us)
        self._model = model
        self._max_states = max_states
        self._asked = sum(1 << place for place, step in enumerate(steps) if step.call.client != JOURNAL)
        self._must = sum(1 << place for place, step in enumerate(steps) if step.returned_us != _NEVER_US)
        self._refused = self._refused_before(steps)
        self._seen: set[tuple[int, frozenset[tuple[str, tuple[object, ...]]]]] = set()
        self._furthest = 0

    @staticmethod
    def _refused_before(steps: list[_Step]) -> dict[int, int]:
        """For the place of an effect the refusals that come before it, as they are of the same key."""
        refused: dict[str, int] = {}
        for place, step in enumerate(steps):
            if step.before_effect_of:
                refused[step.before_effect_of] = refused.get(step.before_effect_of, 0) | 1 << place
        return {place: refused[step.effect_of] for place, step in enumerate(steps) if step.effect_of in refused}

    def run(self) -> bool | None:
        """Whether there is an order; None: it was given up."""
        below: list[tuple[int, State, int]] = [(0, {}, 0)]  # with how many were placed while something was vague
        while below:
            before, state, vague = below.pop()
            placed = self._place_what_changes_nothing(before, state)
            vague += (placed & ~before & self._asked).bit_count() if has_vague(state) else 0
            if placed & self._must == self._must:
                self.vague = vague
                return True
            known = placed, frozenset(state.items())
            if known in self._seen:
                continue
            self._seen.add(known)
            self.states += 1
            if self.states > self._max_states:
                return None
            if (placed & self._must).bit_count() > (self._furthest & self._must).bit_count():
                self._furthest = placed
            until_us, next_steps = self._next(placed)
            until_ms = FOR_EVER_MS if until_us == _NEVER_US else until_us // 1000
            for place in reversed(next_steps):  # who must return first is tried first
                if not self._may_come(place, placed):
                    continue
                after = self._model.after(state, self._steps[place].call, until_ms)
                if after is not None:
                    below.append((placed | 1 << place, after, vague + (self._asked >> place & has_vague(after))))
        return False

    def stuck_at(self) -> str:
        """What could not be placed behind the most that could."""
        _, next_steps = self._next(self._furthest)
        said = (_said(self._steps[place].call) for place in next_steps if self._must >> place & 1)
        return f"behind {self._furthest.bit_count()} of {len(self._steps)} calls none fits: {'; '.join(said)}"

    def _may_come(self, place: int, placed: int) -> bool:
        """Whether all refusals are placed that come before it."""
        return not self._refused.get(place, 0) & ~placed

    def _next(self, placed: int) -> tuple[int, list[int]]:
        """Until when the next must have happened, and which may be it: those asked for by then, by their return."""
        until_us = _NEVER_US
        found: list[int] = []
        place = (~placed & placed + 1).bit_length() - 1  # the first that is not placed
        while place < len(self._steps):
            step = self._steps[place]
            if not placed >> place & 1:
                if step.invoked_us > until_us:
                    break
                until_us = min(until_us, step.returned_us)
                found.append(place)
            place += 1
        found = [place for place in found if self._steps[place].invoked_us <= until_us]
        return until_us, sorted(found, key=lambda place: self._steps[place].returned_us)

    def _place_what_changes_nothing(self, placed: int, state: State) -> int:
        while True:
            until_us, next_steps = self._next(placed)
            until_ms = FOR_EVER_MS if until_us == _NEVER_US else until_us // 1000
            before = placed
            for place in next_steps:
                if not (self._must >> place & 1 and self._may_come(place, placed)):
                    continue
                if self._model.after(state, self._steps[place].call, until_ms) is state:
                    placed |= 1 << place
            if placed == before:
                return placed


def _said(call: Call) -> str:
    answer = call.told.status if isinstance(call.told, Seen) else call.reason or call.outcome
    about = call.id or ", ".join((*call.units, *(area for area, _ in call.areas)))
    return f"{call.client}: {call.kind} {about} at {call.invoked_us} µs: {answer}"
