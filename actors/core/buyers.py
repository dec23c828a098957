"""What each buyer has, held or ordered: kept only while the rules limit it."""


class Buyers:
    """By buyer; who has nothing is not there.

    `units`: how many of them each has. `holds`: the numbers of those of each that are not sold, legs of baskets too.
    """

    def __init__(self) -> None:
        self.units: dict[str, int] = {}
        self.holds: dict[str, list[int]] = {}

    def clear(self) -> None:
        """Nobody has anything."""
        self.units.clear()
        self.holds.clear()

    def count(self, buyer: str, change: int, hold: int = 0) -> None:
        """The buyer has so many units more, or fewer. `hold`: by this one, which begins or ends so; 0: by sold ones."""
        count = self.units.get(buyer, 0) + change
        if count:
            self.units[buyer] = count
        else:
            self.units.pop(buyer, None)
        if hold and change < 0:
            self.conclude(buyer, hold)
        elif hold and change > 0:
            holds = self.holds.setdefault(buyer, [])
            if hold not in holds:
                holds.append(hold)

    def conclude(self, buyer: str, hold: int) -> None:
        """The hold has ended, or is sold."""
        holds = self.holds.get(buyer, ())
        if hold in holds:
            self.holds[buyer].remove(hold)
            if len(holds) == 0:
                del self.holds[buyer]
