"""What stands in the way of a wish at a moment: look through all that anybody has. Nothing of the core."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from tests.core.naive_parts import Answer, Claims, Hold, Piece
from tests.core.naive_prices import charges, unit_price
from tests.core.naive_seats import Hall, all_can_choose, may_be_in_the_way
from tests.core.plain_layout import WHOLE_TABLE, PlainUnit

MOST_UNITS = 50


class Asked:
    """A wish in units: `units` with their price types, `places` as (area, how many, price type)."""

    def __init__(self, layout: dict[str, Any], rules: dict[str, Any], wish: dict[str, Any]) -> None:
        self.wish = wish
        self.units: list[tuple[PlainUnit, str]] = []
        self.places: list[tuple[str, int, str]] = []
        self.best: list[dict[str, Any]] = []
        self.unknown: list[str] = []
        self._layout = layout
        kinds = dict(wish["seat_types"])
        for name in wish["seats"]:
            found = [unit for unit in layout["units"] if name == unit.name or (name == unit.row and unit.kind)]
            self._add(name, found, kinds.get(name, ""))
        for span in wish["spans"]:
            self._add(span["resource"], self._filling(span), span["price_type"])
        for places in wish["areas"]:
            category = [layout["areas"][places["area"]][0]] if places["area"] in layout["areas"] else []
            if not category:
                self.unknown.append(places["area"])
            if self._is_sold(category, places["price_type"]) and category:
                self.places.append((places["area"], places["quantity"], places["price_type"] or layout["types"][0]))
        for best in wish["best"]:
            self._add_best(best)
        if wish["channel"] and wish["channel"] not in {channel["name"] for channel in rules["channels"]}:
            self.unknown.append(wish["channel"])

    def count(self) -> int:
        """How many units it is."""
        chosen: int = sum(best["quantity"] for best in self.best)
        return len(self.units) + sum(count for _, count, _ in self.places) + chosen

    def refuse(self) -> Answer | None:
        """Unknown names, a unit twice, too many, parts of whole tables."""
        if self.unknown:
            return Answer("UNIT_UNKNOWN", units=frozenset(self.unknown))
        wanted = [unit.key for unit, _ in self.units]
        if len(set(wanted)) < len(wanted) or self.count() > MOST_UNITS:
            return Answer("INVALID_ARGUMENT")
        missing = missing_of_tables(self._layout["units"], wanted, {unit.key for unit in self._layout["units"]})
        return Answer("TABLE_NOT_WHOLE", units=missing) if missing else None

    def _filling(self, span: dict[str, Any]) -> list[PlainUnit]:
        """The slots that fill the time, from its beginning to its end without a gap."""
        found: list[PlainUnit] = []
        at_ms = span["starts_at_ms"]
        for unit in self._layout["units"]:
            if unit.begins_ms and unit.group == span["resource"] and unit.begins_ms == at_ms < span["ends_at_ms"]:
                found.append(unit)
                at_ms = unit.ends_ms
        return found if at_ms == span["ends_at_ms"] else []

    def _add(self, name: str, units: list[PlainUnit], kind: str) -> None:
        if not units:
            self.unknown.append(name)
        if self._is_sold([unit.category for unit in units], kind):
            self.units += ((unit, kind or self._layout["types"][0]) for unit in units)

    def _is_sold(self, categories: list[str], kind: str) -> bool:
        if kind and kind not in self._layout["types"]:
            self.unknown.append(kind)
            return False
        kind = kind or self._layout["types"][0]
        not_sold = {category for category in categories if (category, kind) not in self._layout["prices"]}
        self.unknown += (f"{kind} ({category})" for category in not_sold)
        return not not_sold

    def _add_best(self, best: dict[str, Any]) -> None:
        every = {category for category, _ in self._layout["prices"]}
        self.unknown += (name for name in best["sections"] if name not in self._layout["sections"])
        self.unknown += (name for name in best["categories"] if name not in every)
        self.unknown += (kind for kind, _ in best["price_types"] if kind not in self._layout["types"])
        kinds = [kind for kind, count in best["price_types"] for _ in range(count) if kind in self._layout["types"]]
        kinds += [self._layout["types"][0]] * (best["quantity"] - len(kinds))
        named = [name for name in best["categories"] or sorted(every) if name in every]
        among = [name for name in named if all((name, kind) in self._layout["prices"] for kind in kinds)]
        if named and not among:
            self.unknown += {kind for kind in kinds if kind != self._layout["types"][0]}
        is_narrowed = bool(best["categories"]) or any(kind != self._layout["types"][0] for kind in kinds)
        told = frozenset(best["sections"] + (tuple(among) if is_narrowed else ()))
        self.best.append({**best, "kinds": kinds, "categories": tuple(among), "told": told})


def missing_of_tables(units: Iterable[PlainUnit], given: Iterable[str], there: Collection[str]) -> frozenset[str]:
    """The seats that are `there` and not given, of whole tables of which some are given."""
    keys = set(given)
    tables = {unit.row for unit in units if unit.key in keys and unit.kind == WHOLE_TABLE}
    return frozenset(unit.name for unit in units if unit.row in tables and unit.key in there and unit.key not in keys)


class Ground:
    """What others have at a moment, and what is set aside then. `given`: what the same step gives back, of `giver`."""

    def __init__(
        self,
        layout: dict[str, Any],
        rules: dict[str, Any],
        returned: set[str],
        claims: Claims,
        given: Collection[Piece] = (),
        giver: Hold | None = None,
    ) -> None:
        self._layout, self._rules, self._returned, self._giver = layout, rules, returned, giver
        self._claims = Claims(
            [(piece, hold) for piece, hold in claims.held if piece not in given],
            [(piece, hold) for piece, hold in claims.sold if piece not in given],
        )

    def refuse(self, asked: Asked) -> Answer | None:
        """Why the units and places that are asked for by name cannot be had."""
        return self._refuse_reserved(asked) or self._refuse_claimed(asked) or self._refuse_places(asked)

    def could_choose(self, asked: Asked) -> bool:
        """Whether there is a way to have all choices that are left to us."""
        return all_can_choose(self._choices(asked))

    def refuse_best(self, asked: Asked, names: list[str], seen: Answer) -> tuple[Answer | None, list[str]]:
        """Whether the choices that were seen, if all by `names`, are legal, or that there are none; the seats.

        Each of several takes the best for itself. So two may be refused though there is a way, if each may be in the
        other's: then what was `seen` may be a refusal of either.
        """
        if not asked.best:
            return None, []
        if not self.could_choose(asked) or (seen.reason == "NOT_ENOUGH_AVAILABLE" and self._may_fail(asked)):
            return self._refuse_choices(asked, seen), []
        assert len(set(names)) == len(names) == sum(best["quantity"] for best in asked.best), names
        left = names
        for best in asked.best:
            chosen, left = left[: best["quantity"]], left[best["quantity"] :]
            hall = self._hall(asked, best, [name for name in names if name not in chosen])
            assert hall.is_legal(chosen), f"{chosen} are no choice for {best}"
        return None, names

    def _choices(self, asked: Asked) -> list[list[frozenset[str]]]:
        """For each choice all that it could have by itself."""
        return [self._hall(asked, best, []).choices(best["quantity"]) for best in asked.best]

    def _may_fail(self, asked: Asked) -> bool:
        """Whether each of two choices may leave none for the other."""
        if len(asked.best) < 2:
            return False
        one, other = self._choices(asked)
        return may_be_in_the_way(one, other) and may_be_in_the_way(other, one)

    def _refuse_choices(self, asked: Asked, seen: Answer) -> Answer:
        """A choice that cannot be had by itself, if there is any, with how many could; else either, with fewer."""
        largest = [max(self._hall(asked, best, []).sizes(), default=0) for best in asked.best]
        alone = [bool(choices) for choices in self._choices(asked)]
        answers = [
            Answer("NOT_ENOUGH_AVAILABLE", best["told"], most)
            for best, most, can_be_had in zip(asked.best, largest, alone, strict=True)
            if not can_be_had
        ]
        if not answers:
            available = -1 if seen.available is None else seen.available
            answers = [
                Answer("NOT_ENOUGH_AVAILABLE", best["told"], available)
                for best, most in zip(asked.best, largest, strict=True)
                if 0 <= available <= most and available != best["quantity"]
            ]
        return seen if seen in answers else answers[0]

    def pool_of(self, unit: PlainUnit) -> str | None:
        """The channel that the unit is set aside for; `house`, `accessible`; None: it is everybody's."""
        for allotment in reversed(self._rules["allotments"]):
            if allotment["name"] not in self._returned and any(map(unit.is_named, allotment["units"])):
                return f"channel {allotment['channel']}" if allotment["channel"] else "house"
        return "accessible" if unit.need and "" not in self._returned else None

    def _hall(self, asked: Asked, best: dict[str, Any], chosen: list[str]) -> Hall:
        gone = {piece.key for piece, _ in self._claims.all()} | {unit.key for unit, _ in asked.units} | set(chosen)
        mine = {None, f"channel {asked.wish['channel']}"} | ({"accessible"} if best["accessible"] else set())
        usable = set()
        for unit in self._layout["units"]:
            pool = self.pool_of(unit)
            is_mine = pool in mine and (not unit.need or pool is None or best["accessible"] > 0)
            if unit.key not in gone and is_mine:
                usable.add(unit.key)
        return Hall(self._layout["units"], usable, best)

    def _refuse_reserved(self, asked: Asked) -> Answer | None:
        pools = [(unit.name, self.pool_of(unit)) for unit, _ in asked.units]
        blocked = {name for name, pool in pools if pool == "house"}
        if "" not in self._returned and not asked.wish["accessible"]:
            blocked |= {unit.name for unit, _ in asked.units if unit.need}
        if blocked:
            return Answer("UNITS_BLOCKED", units=frozenset(blocked))
        mine = f"channel {asked.wish['channel']}"
        others = {name for name, pool in pools if pool and pool.startswith("channel ") and pool != mine}
        return Answer("CHANNEL_REQUIRED", units=frozenset(others)) if others else None

    def _in_the_way(self, unit: PlainUnit, claims: list[tuple[Piece, Hold]]) -> list[Hold]:
        """Who has the unit, or a slot too near to it."""
        return [
            hold
            for piece, hold in claims
            if piece.key == unit.key or (hold is not self._giver and self._is_near(unit, piece))
        ]

    def _is_near(self, unit: PlainUnit, piece: Piece) -> bool:
        same = [other for other in self._layout["units"] if other.key == piece.key and other.group == unit.group]
        return any(
            other.begins_ms < unit.ends_ms + unit.buffer_ms and unit.begins_ms < other.ends_ms + unit.buffer_ms
            for other in same
            if unit.begins_ms and unit.buffer_ms
        )

    def _refuse_claimed(self, asked: Asked) -> Answer | None:
        units = [unit for unit, _ in asked.units]
        sold = frozenset(unit.name for unit in units if self._in_the_way(unit, self._claims.sold))
        if sold:
            return Answer("UNITS_SOLD", units=sold)
        holds = {unit.name: self._in_the_way(unit, self._claims.held) for unit in units}
        held = frozenset(name for name, those in holds.items() if those)
        if not held:
            return None
        earliest_ms = min(hold.expires_at_ms for those in holds.values() for hold in those)
        return Answer("UNITS_HELD", units=held, retry_at_ms=earliest_ms)

    def _refuse_places(self, asked: Asked) -> Answer | None:
        wanted: Counter[str] = Counter()
        for area, count, _ in asked.places:
            wanted[area] += count
        for area, count in wanted.items():
            available = max(self._places(area, asked.wish["channel"]), 0)
            if available < count:
                return Answer("NOT_ENOUGH_AVAILABLE", units=frozenset([area]), available=available)
        return None

    def _places(self, area: str, channel: str) -> int:
        """How many places nobody has, and nobody else has set aside."""
        used = Counter(piece.channel for piece, _ in self._claims.all() if not piece.key and piece.name == area)
        kept: Counter[str] = Counter()
        for allotment in self._rules["allotments"]:
            of = allotment["channel"]
            if allotment["name"] not in self._returned and (not of or of != channel):
                kept[of] += sum(places["quantity"] for places in allotment["places"] if places["area"] == area)
        aside = sum(max(count - (used[of] if of else 0), 0) for of, count in kept.items())
        capacity: int = self._layout["areas"][area][1]
        return capacity - used.total() - aside


def pieces_of(layout: dict[str, Any], asked: Asked, chosen: list[str]) -> list[Piece]:
    """What the wish comes to, unit by unit, with its price as it is now."""
    unit_of = {unit.name: unit for unit in layout["units"]}
    kinds = [kind for best in asked.best for kind in best["kinds"]]
    units = asked.units + [(unit_of[name], kind) for name, kind in zip(chosen, kinds, strict=True)]
    pieces = []
    for unit, kind in units:
        price = unit_price(layout, unit.category, kind, unit.ends_ms - unit.begins_ms)
        of_slot = (unit.begins_ms, unit.ends_ms)
        pieces.append(
            Piece(
                unit.name,
                unit.key,
                unit.category,
                kind,
                price,
                *charges(layout, price),
                asked.wish["channel"],
                *of_slot,
            )
        )
    for area, count, kind in asked.places:
        category = layout["areas"][area][0]
        price = unit_price(layout, category, kind, 0)
        costs = (price, *charges(layout, price))
        pieces += (Piece(area, "", category, kind, *costs, asked.wish["channel"]) for _ in range(count))
    return pieces
