"""The same entries give the same bytes in every process."""

import subprocess
import sys
from pathlib import Path

from actors.core.snapshot import digest, ledger_digest
from tests.core.ledger_fold import LedgerFold
from tests.core.scenario import run
from tests.core.scenario_tables import Scenario, all_scenarios

_ROOT = Path(__file__).parents[2]
_PRINT_DIGESTS = """
from actors.core.snapshot import digest, freeze, ledger_digest
from tests.core.scenario import run
from tests.core.scenario_tables import all_scenarios
for scenario in all_scenarios():
    state = run(scenario)[0].live
    print(scenario.title, digest(state).hex(), ledger_digest(state).hex(), freeze(state).hex())
"""


def _paid_order() -> Scenario:
    title = "an order keeps its hold's units held until it is paid"
    return next(scenario for scenario in all_scenarios() if scenario.title == title)


def _digests(hash_seed: str) -> str:
    env = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(_ROOT)}
    ran = subprocess.run([sys.executable, "-c", _PRINT_DIGESTS], env=env, capture_output=True, text=True, check=True)
    return ran.stdout


def test_digests_do_not_depend_on_the_process() -> None:
    first = _digests("1")
    assert len(first.splitlines()) == len(all_scenarios())
    assert first == _digests("2")


def test_ledger_digest_is_what_its_docstring_says() -> None:
    """Every scenario step checks this too; here the fold stands alone, and different journals differ."""
    seen = set()
    for scenario in all_scenarios():
        ran, _ = run(scenario)
        fold = LedgerFold()
        for entry in ran.journal:
            fold.take(entry)
        assert fold.digest() == ledger_digest(ran.live), scenario.title
        seen.add(fold.digest())
    assert len(seen) > len(all_scenarios()) // 2


def test_ledger_digest_stays_what_it_was() -> None:
    """Auditors outside the process fold journals too: a change here breaks them."""
    state = run(_paid_order())[0].live
    assert ledger_digest(state).hex() == "a591bc52cb535f2ab3bf0db577801f35fae79082592acbe531b137af9c5afec3"


def test_digest_covers_every_part_of_a_state() -> None:
    state = run(_paid_order())[0].live
    before = digest(state), ledger_digest(state)
    state.inventory.statuses[0] ^= 1
    assert digest(state) != before[0]
    assert ledger_digest(state) != before[1]
    state.inventory.statuses[0] ^= 1
    assert (digest(state), ledger_digest(state)) == before
    state.inventory.owners[0] += 1
    assert digest(state) != before[0]
    state.inventory.owners[0] -= 1
    state.last_at_ms += 1
    assert digest(state) != before[0]
    assert ledger_digest(state) == before[1]
