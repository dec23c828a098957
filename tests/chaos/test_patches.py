"""What is broken within the processes of a stack is broken, and only while that is wanted."""

import asyncio
from pathlib import Path
from typing import cast

import pytest

from actors import dispatch
from actors.core.ids import BlockId
from actors.core.outcomes import Details, Reason, Rejected
from actors.journal import postgres
from actors.journal.journal import GENESIS, Appended, JournalRow, NewRow, chain_of
from actors.link import batch
from actors.link.transport import OutcomeUnknown
from tests.chaos.patches import sitecustomize
from tests.chaos.within import Within

BLOCK = BlockId("0123456789abcdef")


def row_at(position: int, prev_chain: bytes) -> NewRow:
    """A row without entries that says to stand behind one with this chain."""
    chain = chain_of(prev_chain, BLOCK, position, 1, 0, b"")
    return NewRow(JournalRow(BLOCK, position, 1, 0, 1, b"", chain), prev_chain)


async def behind_a_hole(url: str, within: Within) -> list[Appended]:
    """What becomes of a first row, of one that leaves out the second, of that again without a look at the head, and of
    another in the same place.
    """
    journal = postgres.PostgresJournal(url)
    try:
        done = [await journal.append([row_at(1, GENESIS)]), await journal.append([row_at(3, GENESIS)])]
        within.append_behind_anything()
        return [*done, await journal.append([row_at(3, GENESIS)]), await journal.append([row_at(3, bytes(15) + b"1")])]
    finally:
        await journal.close()


def test_an_append_that_compares_nothing_leaves_a_hole_and_still_overwrites_nothing(
    own_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_SQL", postgres._SQL)
    monkeypatch.setattr(postgres, "_already_there", postgres._already_there)
    monkeypatch.setattr(sitecustomize, "FOLDER", tmp_path)
    sitecustomize.patch_journal(postgres)
    done = asyncio.run(behind_a_hole(own_database_url, Within(tmp_path)))
    assert [bool(appended.durable) for appended in done] == [True, False, True, False]


class Gone:
    """The way to a shard that dies whenever it is sent something."""

    shard = "shard-1"

    async def call(self, *_: object, **__: object) -> None:
        """It may have arrived."""
        raise OutcomeUnknown

    async def route(self, _: BlockId) -> "Gone":
        """There is no other."""
        return self

    def doubt(self, *_: object) -> None:
        """There is none to be had."""


async def told_by(dispatcher: dispatch.Dispatcher) -> Reason:
    """Of a shard that was gone after it."""
    answer = await dispatcher.ask(BLOCK, b"", "tenant", 10_000, Reason.EVENT_NOT_FOUND)
    assert isinstance(answer, Rejected)
    return answer.reason


def test_what_may_be_done_is_denied_only_while_that_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch._Errand, "_ask", dispatch._Errand._ask)
    monkeypatch.setattr(sitecustomize, "FOLDER", tmp_path)
    sitecustomize.patch_dispatch(dispatch)
    dispatcher, within = dispatch.Dispatcher(cast("dispatch.Routes", Gone()), lambda: 0), Within(tmp_path)
    assert asyncio.run(told_by(dispatcher)) is Reason.OUTCOME_UNKNOWN
    within.deny_what_may_be_done()
    assert asyncio.run(told_by(dispatcher)) is Reason.UNAVAILABLE


class Answering:
    """A way to a shard that answers one thing after the other."""

    def __init__(self, *answers: list[batch.Answer] | Exception) -> None:
        self._answers = list(answers)

    async def exchange(self, _: bytes) -> bytes:
        """The next."""
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return batch.encoder.encode(answer)


REFUSED, DONE = batch.Refused(Reason.UNITS_HELD, Details()), batch.Replied(b"done")


def test_who_sends_twice_says_no_only_if_both_were_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitecustomize, "FOLDER", tmp_path)
    Within(tmp_path).send_twice(True)
    for both in (
        ([REFUSED, DONE, REFUSED], [DONE, REFUSED, REFUSED]),
        ([DONE, DONE, REFUSED], [REFUSED, REFUSED, REFUSED]),
    ):
        told = asyncio.run(sitecustomize.Twice(Answering(*both), batch).exchange(b""))
        assert batch.answers_decoder.decode(told) == [DONE, DONE, REFUSED]
    for way in Answering(OutcomeUnknown(), [REFUSED]), Answering([REFUSED], OutcomeUnknown()):
        with pytest.raises(OutcomeUnknown):
            asyncio.run(sitecustomize.Twice(way, batch).exchange(b""))
