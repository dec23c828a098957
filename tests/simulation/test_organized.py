"""What an organizer was told of a write is held against the entry that bears its key, and nothing else will do."""

import msgspec
import pytest

from actors.core.commands import ChangeStatus, EditEvent, OpenSale, Write
from actors.core.ids import BlockId
from actors.core.outcomes import Accepted
from actors.core.replies import EventReply, EventStatus
from actors.journal.journal import JournalRow
from actors.reservations import Done
from tests.loadtests.journals import TENANT, Shop, made_event
from tests.simulation.organized import ORGANIZED, ORGANIZED_AGAIN, EventWish, Organized, not_as_told

S = EventStatus
NAME = "another name"


class Scene:
    """A shop with an event on sale, and what its organizer was told."""

    def __init__(self) -> None:
        self.shop = Shop()
        made_event(self.shop)
        self.told: list[Organized] = []
        self.counts: list[str] = []

    def edit(self, key: str = "edit", name: str = NAME) -> Organized:
        """The event gets another name."""
        edit = EditEvent(self.shop.stamp(key), self.shop.state.revision, name)
        return self._ask("edit_event", edit, EventWish(name=name))

    def become(self, status: EventStatus, key: str = "become") -> Organized:
        """It is on sale again, or not any more."""
        if status is S.ON_SALE:
            return self._ask("open_sale", OpenSale(self.shop.stamp(key)), EventWish(status))
        return self._ask("change_status", ChangeStatus(self.shop.stamp(key), status), EventWish(status))

    def _ask(self, what: str, command: Write, wish: EventWish) -> Organized:
        outcome = self.shop.try_ask(command)
        assert isinstance(outcome, Accepted)
        if self.shop.pending:
            self.shop.commit()
        assert isinstance(outcome.reply, EventReply)
        key = command.stamp.fingerprint.rstrip(b"\0").decode()
        done = Done(self.shop.block, outcome.reply, outcome.replayed, len(self.shop.drafts))
        self.told.append(Organized(what, key, wish, what != "edit_event", done, 0))
        return self.told[-1]

    def otherwise(self, **changes: object) -> None:
        """What was told last was not told so."""
        last = self.told[-1]
        reply = msgspec.structs.replace(last.done.reply, **changes)
        self.told[-1] = last._replace(done=msgspec.structs.replace(last.done, reply=reply))

    def wrong(self, *, is_lost: bool = False) -> list[str]:
        """By the journal as it is."""
        rows = [JournalRow(*msgspec.structs.astuple(row)) for row in self.shop.journal().rows()]
        journals = {BlockId(self.shop.block): rows}
        return list(not_as_told(TENANT, self.told, journals, lambda *_: is_lost, self.counts.append))

    def is_not_there(self) -> None:
        """The row of what was told last is gone, and another stands there."""
        self.shop.drafts[-1] = msgspec.structs.replace(self.shop.drafts[-1], entries=[])


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_is_so_is_told(scene: Scene) -> None:
    scene.edit()
    for status in (S.PAUSED, S.PAUSED, S.ON_SALE, S.ON_SALE, S.CLOSED):
        scene.become(status, f"become {len(scene.told)}")
    assert scene.wrong() == []
    assert [scene.counts.count(what) for what in (ORGANIZED, ORGANIZED_AGAIN)] == [4, 2]


def test_who_asks_again_is_told_what_it_is_by_then(scene: Scene) -> None:
    first = scene.edit()
    scene.become(S.PAUSED)
    again = first._replace(done=msgspec.structs.replace(scene.told[-1].done, replayed=True))
    scene.told.append(again)
    assert scene.wrong() == []
    before = first._replace(done=msgspec.structs.replace(first.done, replayed=True, position=again.done.position + 1))
    scene.told.append(before)
    (wrong,) = scene.wrong()
    assert wrong.endswith("its journal has it otherwise")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"revision": 9}, "it is there as "),
        ({"status": S.PAUSED}, "it is there as "),
        ({"name": "a third name"}, "was asked to be otherwise"),
    ],
    ids=["revision", "status", "name"],
)
def test_what_is_not_so_is_found(scene: Scene, changes: dict[str, object], found: str) -> None:
    scene.edit()
    scene.otherwise(**changes)
    (wrong,) = scene.wrong()
    assert found in wrong
    assert scene.wrong(is_lost=True) == []


def test_so_is_another_price(scene: Scene) -> None:
    layout = scene.edit().done.reply.layout
    first, *others = layout.categories
    dearer = (msgspec.structs.replace(first, price=first.price + 1), *others)
    scene.otherwise(layout=msgspec.structs.replace(layout, categories=dearer))
    (wrong,) = scene.wrong()
    assert "it is there as " in wrong


def test_what_is_in_no_journal_is_found(scene: Scene) -> None:
    scene.edit()
    scene.is_not_there()
    (wrong,) = scene.wrong()
    assert wrong.endswith("its journal has no effect of it")


def test_a_status_that_was_not_so_already_is_found_though_it_need_have_no_effect(scene: Scene) -> None:
    scene.become(S.PAUSED)
    scene.is_not_there()
    (wrong,) = scene.wrong()
    assert wrong.endswith("its journal has no effect of it")


def test_what_was_done_is_what_was_asked_for(scene: Scene) -> None:
    scene.edit()
    scene.told[-1] = scene.told[-1]._replace(wish=EventWish(S.ON_SALE, NAME, 1))
    (wrong,) = scene.wrong()
    assert wrong.endswith("was asked to be otherwise")
    done = msgspec.structs.replace(scene.told[-1].done, replayed=True)
    scene.told[-1] = scene.told[-1]._replace(done=done)
    (wrong,) = scene.wrong()
    assert "was not done as it was asked" in wrong


def test_the_key_of_something_else_does_not_count(scene: Scene) -> None:
    scene.become(S.PAUSED)
    scene.told[-1] = scene.told[-1]._replace(what="edit_event", wish=EventWish())
    (wrong,) = scene.wrong()
    assert "another effect: StatusChanged" in wrong
