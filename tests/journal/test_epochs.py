"""Epochs as journals have them sort by cluster, moves, build and incarnation; the old ones stay what they were."""

from itertools import pairwise, product

from actors.journal.journal import MAX_MOVES, Epoch, epoch_of_claim, incarnation_of

GENERATIONS, BUILDS, NUMBERS = (1, 2, (1 << 23) - 1), (0, 1, 255), (1, 2, (1 << 20) - 1)


def assigned(generation: int, moves: int) -> int:
    return generation << 40 | moves << 28


def test_an_incarnation_survives_being_packed() -> None:
    for epoch in product(GENERATIONS, BUILDS, NUMBERS):
        assert Epoch.unpacked(Epoch(*epoch).packed()) == epoch
        assert 0 < Epoch(*epoch).packed() < 1 << 63


def test_the_epochs_that_journals_have_are_those_of_blocks_that_never_moved() -> None:
    """As they were packed before blocks moved: 23 bits, 20 and 20."""
    for generation, build, number in product(GENERATIONS, (1, 2), NUMBERS):
        former = generation << 40 | build << 20 | number
        assert Epoch.unpacked(former) == (generation, build, number)
        assert epoch_of_claim(former, 0) == incarnation_of(former) == former


def test_claims_sort_by_cluster_then_moves_then_build_and_incarnation() -> None:
    claims = [
        epoch_of_claim(Epoch(generation, build, number).packed(), assigned(generation, moves))
        for generation, moves, build, number in product(GENERATIONS, (0, 1, 2, MAX_MOVES), BUILDS, NUMBERS)
    ]
    for earlier, later in pairwise(claims):
        assert earlier is not None
        assert later is not None
        assert earlier < later < 1 << 63


def test_a_claim_tells_whose_it_is() -> None:
    own = Epoch(3, 2, 7).packed()
    claim = epoch_of_claim(own, assigned(3, 5))
    assert claim is not None
    assert (incarnation_of(claim), Epoch.unpacked(claim)) == (own, (3, 2, 7))


def test_moves_of_an_older_cluster_do_not_count_and_those_of_a_newer_one_make_it_theirs() -> None:
    own = Epoch(3, 2, 7).packed()
    assert epoch_of_claim(own, assigned(2, MAX_MOVES)) == own
    assert epoch_of_claim(own, assigned(4, 0)) is None
