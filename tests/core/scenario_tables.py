"""The text files of scenarios, line by line. See `scenario`."""

import re
from pathlib import Path

import msgspec

SCENARIOS = Path(__file__).parent / "scenarios"


class Step(msgspec.Struct, frozen=True):
    """One line of a scenario."""

    line: int
    verb: str
    operands: tuple[str, ...]
    options: dict[str, str]
    expected: tuple[str, ...]


class Scenario(msgspec.Struct, frozen=True):
    """A title and the steps below it."""

    subject: str
    title: str
    steps: tuple[Step, ...]


def read_scenarios(path: Path) -> list[Scenario]:
    """The scenarios of one file."""
    found: list[Scenario] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = re.split(r"(?:^|\s)#", line)[0].strip()
        if text.startswith("=="):
            found.append(Scenario(path.stem, text.lstrip("= "), ()))
        elif text:
            asked, arrow, expected = text.partition("->")
            assert arrow, f"{path.name}:{number}: no expectation"
            verb, *words = asked.split()
            options = dict(word.split("=", 1) for word in words if "=" in word)
            operands = tuple(word for word in words if "=" not in word)
            step = Step(number, verb, operands, options, tuple(expected.split()))
            found[-1] = Scenario(path.stem, found[-1].title, (*found[-1].steps, step))
    return found


def all_scenarios() -> list[Scenario]:
    """Every scenario there is, by file."""
    return [scenario for path in sorted(SCENARIOS.glob("*.txt")) for scenario in read_scenarios(path)]
