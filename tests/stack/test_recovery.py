"""What is called back at full speed after a burst, of series made by hand."""

import pytest

from tests.stack.recovery import Recovery, Second, recovery


def judged(*sold: float, before: tuple[float, ...] = (400,) * 8) -> Recovery:
    """What is said of so many holds in each second."""
    return recovery([Second(count) for count in before], [Second(count) for count in sold])


@pytest.mark.parametrize(
    "sold",
    [
        (400,) * 8,
        (330, 420, 350, 390, 310, 400, 360, 380),
        (600,) * 8,
        (200, 330, 400, 400, 400, 400, 400, 400),  # back half a second late, which is the time of one batch
        (400, 400, 400, 190, 400, 390, 410, 400),  # a second that the machine was elsewhere
    ],
    ids=["as before", "it varies", "more", "all but at once", "a second"],
)
def test_what_is_sold_as_before_is_good(sold: tuple[float, ...]) -> None:
    assert judged(*sold).margin >= 1


@pytest.mark.parametrize(
    ("sold", "worst_after_s"),
    [
        ((0, 160, 400, 400, 400, 400, 400, 400), 0),  # nothing until 6.6 s after the burst: on average 0.8
        ((0, 400, 400, 400, 400, 400, 400, 400), 0),
        ((60, 60, 400, 400, 400, 400, 400, 400), 0),
        ((100, 100, 600, 600, 600, 600, 600, 600), 0),  # what was late comes as well, later
        ((0,) * 8, 0),
        ((250,) * 8, 0),
        ((400, 400, 400, 50, 300, 400, 400, 400), 3),
        ((400, 400, 400, 400, 400, 400, 300, 100), 6),  # it goes down again
    ],
    ids=["late", "a second late", "slow at first", "made up for", "never", "slow", "a dip", "down again"],
)
def test_what_is_not_is_found_and_when(sold: tuple[float, ...], worst_after_s: int) -> None:
    found = judged(*sold)
    assert found.margin < 1
    assert found.worst_after_s == worst_after_s


def test_on_average_the_late_one_would_do() -> None:
    assert judged(0, 160, 400, 400, 400, 400, 400, 400).average >= 0.8


def test_before_it_may_have_varied_as_well() -> None:
    assert judged(*(400,) * 8, before=(300, 500, 450, 350, 400, 420, 380, 400)).margin >= 1


def test_what_others_took_is_allowed_for_and_what_was_left_to_them_is_not() -> None:
    before = [Second(400)] * 8
    halved = [Second(200, others=0.5)] * 8
    assert recovery(before, halved).margin >= 1
    assert recovery(halved, before).margin >= 1
    left_to_them = [Second(50, others=0.9)] * 2 + [Second(400)] * 6
    found = recovery(before, left_to_them)
    assert found.average >= 0.8
    assert found.margin < 1
    assert found.worst_after_s == 0
