"""How many processes of shards there are is no accident: one a shard and one spare, whatever died in between."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.stack.lone_directory import LATE_S, SHARDS, LoneDirectory, lone_directory
from tests.stack.patience import await_that

pytestmark = [pytest.mark.stack, pytest.mark.long]
this_module = sys.modules[__name__]
OUTAGE_S = 14.0  # a shard is missed within 2, behind a witness that waits for 5; then another spare comes within 3
PATIENCE_S = 12.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoneDirectory]:
    """One cluster for the tests of this module, each of which leaves it whole."""
    with lone_directory(tmp_path_factory.mktemp("spares")) as cluster:
        yield cluster


def await_spare_gone(cluster: LoneDirectory, spare: int) -> None:
    await_that("the old spare is gone", lambda: spare not in cluster.spares(), PATIENCE_S)


def await_whole(cluster: LoneDirectory) -> None:
    def is_whole() -> bool:
        serving, shards = set(cluster.serving().values()), cluster.shards()
        return len(serving) == SHARDS and serving < shards and len(shards) == SHARDS + 1

    await_that("every shard serves, and there is one spare", is_whole, PATIENCE_S)


def check_deaths_of_the_directory(cluster: LoneDirectory) -> None:
    for _ in range(2):
        serving = cluster.serving()
        (spare,) = cluster.spares()
        os.kill(cluster.directory(), signal.SIGKILL)
        await_spare_gone(cluster, spare)
        await_that("one new spare has come", lambda: len(cluster.spares()) == 1, PATIENCE_S)
        assert cluster.serving() == serving, "a shard was ended that served"


def check_shards_that_only_ray_does_not_hear(cluster: LoneDirectory) -> None:
    serving = cluster.serving()
    (spare,) = cluster.spares()
    os.kill(cluster.directory(), signal.SIGKILL)
    await_spare_gone(cluster, spare)
    until = time.monotonic() + LATE_S + PATIENCE_S / 2
    while time.monotonic() < until:
        assert set(serving.values()) <= cluster.shards(), "a shard was ended that served"
        time.sleep(0.1)
    assert cluster.serving() == serving
    assert len(cluster.spares()) == 1


def check_a_spare_that_is_heard_late(cluster: LoneDirectory) -> None:
    """While it is not heard, it may be the shard that is missed; so it is spared until it can say what it is."""
    (spare,) = cluster.spares()
    victim = next(iter(cluster.serving().values()))
    os.kill(spare, signal.SIGSTOP)
    try:
        os.kill(victim, signal.SIGKILL)
        os.kill(cluster.directory(), signal.SIGKILL)
        await_that("another serves", lambda: victim not in cluster.serving().values(), PATIENCE_S)
        assert spare in cluster.spares()
    finally:
        os.kill(spare, signal.SIGCONT)
    await_spare_gone(cluster, spare)
    await_whole(cluster)


def check_a_number_that_two_processes_bear(cluster: LoneDirectory) -> None:
    (spare,) = cluster.spares()
    cluster.register_elsewhere(spare)
    os.kill(cluster.directory(), signal.SIGKILL)
    await_that("the old spare is gone", lambda: spare not in cluster.shards(), PATIENCE_S)
    await_whole(cluster)


def check_starts_in_vain(cluster: LoneDirectory, outage: AbstractContextManager[None]) -> None:
    (spare,) = cluster.spares()
    victims = cluster.serving().values()
    with outage:
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        await_that("the shards are gone", lambda: cluster.shards() == {spare}, 5)
        until = time.monotonic() + OUTAGE_S
        while time.monotonic() < until:
            assert cluster.shards() == {spare}, "a start that cannot succeed costs nobody"
            time.sleep(0.1)
    await_that("the spare that was kept serves", lambda: spare in cluster.serving().values(), PATIENCE_S)
    await_whole(cluster)


def check_an_outage_of_postgres(cluster: LoneDirectory) -> None:
    check_starts_in_vain(cluster, cluster.without_postgres())


def check_an_outage_of_replicas(cluster: LoneDirectory) -> None:
    """Postgres can be asked, and no commit comes through."""
    check_starts_in_vain(cluster, cluster.without_replicas())


def check_starts_that_fail(cluster: LoneDirectory) -> None:
    victim, *others = cluster.serving().values()
    links = cluster.links.rename(cluster.links.with_name("link-away"))  # where a successor could not listen
    tried: set[int] = set()

    def several_were_tried() -> bool:
        tried.update(cluster.shards() - {victim, *others})
        return len(tried) > 2

    try:
        os.kill(victim, signal.SIGKILL)
        await_that("several starts have failed", several_were_tried, 30)
    finally:
        links.rename(cluster.links)
    await_that("one is in its place", lambda: victim not in cluster.serving().values(), PATIENCE_S)
    await_that("and one spare", lambda: len(cluster.spares()) == 1, PATIENCE_S)
    assert len(cluster.shards()) == SHARDS + 1


def test_a_directory_that_died_leaves_no_spare_behind(cluster: LoneDirectory) -> None:
    check_deaths_of_the_directory(cluster)


def test_a_directory_that_starts_spares_shards_that_only_ray_does_not_hear(tmp_path: Path) -> None:
    with lone_directory(tmp_path, "shards_answer_ray_late") as cluster:
        check_shards_that_only_ray_does_not_hear(cluster)


def test_who_is_spared_is_ended_when_it_turns_out_to_be_a_spare(cluster: LoneDirectory) -> None:
    check_a_spare_that_is_heard_late(cluster)


def test_a_spare_is_not_told_by_its_number(cluster: LoneDirectory) -> None:
    check_a_number_that_two_processes_bear(cluster)


def test_a_spare_is_kept_while_postgres_is_away(cluster: LoneDirectory) -> None:
    check_an_outage_of_postgres(cluster)


def test_a_spare_is_kept_while_commits_wait_for_replicas(cluster: LoneDirectory) -> None:
    check_an_outage_of_replicas(cluster)


def test_a_start_that_fails_ends_its_process(cluster: LoneDirectory) -> None:
    check_starts_that_fail(cluster)


def check_a_spare_that_dies(cluster: LoneDirectory) -> None:
    (spare,) = cluster.spares()
    os.kill(spare, signal.SIGKILL)
    await_spare_gone(cluster, spare)
    await_that("one new spare has come", lambda: len(cluster.spares()) == 1, PATIENCE_S)


def check_a_shard_is_replaced(cluster: LoneDirectory) -> None:
    victim = next(iter(cluster.serving().values()))
    os.kill(victim, signal.SIGKILL)
    await_that("another serves", lambda: victim not in cluster.serving().values(), PATIENCE_S)


def test_a_spare_that_dies_is_replaced_before_it_is_needed(cluster: LoneDirectory) -> None:
    check_a_spare_that_dies(cluster)


def test_a_directory_that_fails_is_started_anew(tmp_path: Path) -> None:
    with lone_directory(tmp_path, "the_first_directory_has_a_bug") as cluster:
        check_a_shard_is_replaced(cluster)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        ("nobody_is_ended", check_deaths_of_the_directory),
        ("nobody_is_ended", check_starts_that_fail),
        ("and_who_answers_late_is_ended", check_shards_that_only_ray_does_not_hear),
        ("who_is_spared_once_is_spared_for_ever", check_a_spare_that_is_heard_late),
        ("processes_are_told_by_their_number_alone", check_a_number_that_two_processes_bear),
        ("postgres_is_never_waited_for", check_an_outage_of_postgres),
        ("commits_are_never_waited_for", check_an_outage_of_replicas),
        ("nobody_looks_after_the_spare", check_a_spare_that_dies),
        ("and_stays_although_it_has_failed", check_a_shard_is_replaced),
    ],
)
def test_the_check_notices(
    sabotage: str, check: Callable[[LoneDirectory], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(this_module, "PATIENCE_S", 6.0)
    with lone_directory(tmp_path, sabotage) as cluster, pytest.raises(AssertionError):
        check(cluster)
