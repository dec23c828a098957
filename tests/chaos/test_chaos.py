"""The short form of the campaign, and the controls of what it checks."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from actors.audit.findings import Fault as Wrong
from actors.audit.ids import HOLD, block_of_event, id_of
from actors.audit.replies import Acknowledged, Told
from loadtests.figures import Figures
from loadtests.history.calls import Call, Kind, Seen, line_of, read_calls
from loadtests.history.calls import Outcome as CallOutcome
from tests.chaos import fault as fault_module
from tests.chaos.baskets import CALLS_FILE
from tests.chaos.campaign import Campaign, Kept
from tests.chaos.fault import Fault, _accepted, undergo
from tests.chaos.inner_faults import SentTwice
from tests.chaos.own_witnesses import objections
from tests.chaos.plan import SHORT
from tests.chaos.stage import Stage
from tests.stack.two_shards.test_the_auditor import STOPS_WITHIN_S, WRONG_SEAT_NUMBER, Seller, block_of
from tests.stack.wrongs import sell_too_cheap

SHORT_WITHIN_S = 240.0
ON_A_FULL_MACHINE = 5.0  # times what is promised: the other tests run beside it

READ_AFTER_WRITES = 1_000  # by then each of a crowd's processes has read a hold that was fresh


class Harmless(Fault):
    """Claims to do something, and does nothing."""

    what = "nothing at all"
    inflicted = "not"
    observed = "never"
    effect_within_s = 1.0

    async def inflict(self, stage: Stage) -> None:
        """Nothing."""

    async def effect(self, stage: Stage) -> str:
        """In vain."""
        await asyncio.Event().wait()
        return "never"


class TwiceUnseen(SentTwice):
    """What is sent twice is not, as the switch is never thrown."""

    async def inflict(self, stage: Stage) -> None:
        """Look only."""
        self._before = stage.within.sent_twice


@pytest.mark.stack
def test_a_handful_of_faults_is_survived_and_all_was_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How soon is for `make chaos` to say, on a machine that does nothing else; here it is held to the order of it."""
    kept = Kept(tmp_path)
    began_s = time.monotonic()
    assert asyncio.run(Campaign(kept, Console(width=200), SHORT, allowed=ON_A_FULL_MACHINE, buyers=4).run()) == 0
    took_s = time.monotonic() - began_s
    with capsys.disabled():
        Console().print(f"\nthe short form of the campaign took {took_s:.0f} s of {SHORT_WITHIN_S:.0f} s")
    assert took_s < SHORT_WITHIN_S
    assert [outcome.fault for outcome in kept.outcomes] == [kind.what for kind in SHORT]
    assert all(outcome.counted for outcome in kept.outcomes)
    (segment,) = kept.segments
    assert segment.rows > 0
    assert segment.replies > len(SHORT) * 100
    results = msgspec.json.decode((tmp_path / "results.json").read_bytes())
    assert results["counted"] == len(SHORT)
    assert not (tmp_path / "stack-0").exists(), "nobody needs to look into it"


@pytest.mark.long
def test_control_what_has_no_effect_does_not_count_and_a_reply_that_is_not_so_is_found(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(tmp_path / "stack")
        try:
            await stage.start()
            turn = await stage.load.next_turn()
            for fault in (Harmless(), TwiceUnseen()):
                outcome, next_turn = await undergo(fault, stage, turn, 0)
                assert (outcome.effect, outcome.counted, outcome.wrong) == ("", False, [])
                assert next_turn is not None
                turn = next_turn
            await turn.until_accepted(READ_AFTER_WRITES)
            await turn.end()
            audited = await stage.audit()
            assert audited.findings == []
            assert audited.rows > 0
            assert audited.replies > 0
            assert audited.tally.suffices
            await check_what_is_found_in_histories(stage, audited.tally.call_count // 20)
            never = id_of(HOLD, block_of_event(stage.load.event_id), 4711)
            basket = next(told for told in stage.baskets.told if told.told is Told.HELD)
            doctored = tmp_path / "doctored.jsonl"
            lies = (
                Acknowledged(Told.HELD, never, ("S001/1/1",), (), 12_900),
                msgspec.structs.replace(basket, total_minor=basket.total_minor + 1),
            )
            doctored.write_bytes(b"".join(msgspec.json.encode(lie) + b"\n" for lie in lies))
            findings = (await stage.audit((doctored,), asks_product=False)).findings
            assert len(findings) == len(lies)
            assert all(any(lie.id in finding for finding in findings) for lie in lies), findings
            objected = await objections_to_a_wrong_price(stage)
            assert any("1 findings" in objection for objection in objected), objected
            assert any("the doctor says of quarantine" in objection for objection in objected), objected
            logged = stage.logs.new_errors()
            for event in ("the audit has found a fault", "block is quarantined"):
                assert any(f'"event": "{event}"' in error for error in logged), logged
        finally:
            assert await stage.close() == []

    asyncio.run(main())


async def check_what_is_found_in_histories(stage: Stage, lost_count: int) -> None:
    """Too many calls of which nobody knows what came, and a read that tells what was not so: of either crowd."""
    files, of_baskets = list(stage.load.calls_files), stage.folder / CALLS_FILE
    whole = of_baskets.read_bytes()
    lost = stage.folder / "lost.jsonl"
    lost.write_bytes(lost_calls(block_of_event(stage.load.event_id), lost_count))
    stage.load.calls_files.append(lost)
    of_baskets.write_bytes(whole + lost_calls("", len(whole.splitlines()) // 20 + 1))
    findings = (await stage.audit(asks_product=False)).findings
    assert ["not all of the history could be checked" in finding for finding in findings] == [True, True], findings
    of_baskets.write_bytes(whole)
    stage.load.calls_files[:] = [misread(stage, path) for path in files]
    misread(stage, of_baskets).replace(of_baskets)
    findings = (await stage.audit(asks_product=False)).findings
    assert sum(Wrong.READ_WRONGLY in finding for finding in findings) == len(files) + 1, findings
    of_baskets.write_bytes(whole)
    stage.load.calls_files[:] = [*files[:-1], stage.folder / "nowhere.jsonl"]
    findings = (await stage.audit(asks_product=False)).findings
    assert "there are no calls in nowhere.jsonl" in findings, findings
    assert any("accepted writes are in the histories" in finding for finding in findings), findings
    stage.load.calls_files[:] = files


async def objections_to_a_wrong_price(stage: Stage) -> list[str]:
    """What the product's own witnesses say when a seat of another event was sold too cheap, and that is stopped."""

    def sell() -> None:
        with stage.main.client() as client:
            seller = Seller(stage.main, client)
            event = seller.on_sale("wrong")
            seller.holds_within(event, "A/1/1")
            asyncio.run(sell_too_cheap(stage.database.url, block_of(event), WRONG_SEAT_NUMBER))
            seller.refused_within(event, "A/1/2", STOPS_WITHIN_S)

    await asyncio.to_thread(sell)
    return await objections(stage.main)


def misread(stage: Stage, path: Path) -> Path:
    """The same calls, but that one reads of a hold that it has ended, just after it was held."""
    calls = list(read_calls([path]))
    number = next(number for number, call in enumerate(calls) if is_of_a_fresh_hold(call))
    told = calls[number].told
    assert isinstance(told, Seen)
    calls[number] = msgspec.structs.replace(calls[number], told=msgspec.structs.replace(told, status="RELEASED"))
    other = stage.folder / f"misread-{path.name}"
    other.write_bytes(b"".join(map(line_of, calls)))
    return other


def is_of_a_fresh_hold(call: Call) -> bool:
    """Whether it is a read of a hold that is in force."""
    return call.kind is Kind.READ_HOLD and isinstance(call.told, Seen) and call.told.status == "ACTIVE"


def lost_calls(block: str, count: int) -> bytes:
    """The lines of so many calls of which nobody knows, nor ever will, what came of them."""
    now_us = time.time_ns() // 1000
    lost = (
        Call(
            "lost", Kind(Told.HELD), block, now_us + number, CallOutcome.INFO, key=f"lost {number}", units=("S001/1/1",)
        )
        for number in range(count)
    )
    return b"".join(map(line_of, lost))


def crowd(*over_http_ms: int, over_grpc_ms: Sequence[int] = ()) -> Figures:
    """A crowd that had writes accepted then."""
    figures = Figures(
        accepted_at=bytearray(10_000),
        accepted_over={protocol: bytearray(10_000) for protocol in ("HTTP", *(("gRPC",) if over_grpc_ms else ()))},
    )
    for protocol, moments in (("HTTP", over_http_ms), ("gRPC", over_grpc_ms)):
        for at_ms in moments:
            figures.accept(Told.HELD, at_ms, protocol)
    return figures


def check_gaps() -> None:
    one, other = (100.0, crowd(2_000, 2_100, 3_700, 3_800)), (101.0, crowd(1_100, 2_000))
    longest_s, last_end_s = fault_module.longest_gaps([one], 101.9, 104.0)
    assert longest_s == pytest.approx(1.599, abs=0.002)
    assert last_end_s == pytest.approx(1.8, abs=0.002)
    assert fault_module.longest_gaps([one, other], 101.9, 104.0)[0] == pytest.approx(0.899, abs=0.002)
    assert fault_module.longest_gaps([other], 100.0, 102.5)[0] == pytest.approx(2.1, abs=0.002), "it had not begun"
    assert fault_module.longest_gaps([one], 101.95, 102.2)[1] == 0
    both = 100.0, crowd(*range(0, 4_000, 50), over_grpc_ms=(100, 150, 3_400, 3_450))
    longest_s, last_end_s = fault_module.longest_gaps([both], 100.0, 104.0)
    assert longest_s == pytest.approx(3.249, abs=0.002), "nobody who came over gRPC was helped by that"
    assert last_end_s == pytest.approx(4.0, abs=0.002)


def test_gaps_are_measured_over_all_crowds_by_protocol_and_within_their_time_only() -> None:
    check_gaps()


def test_control_gaps_that_another_protocol_fills_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_module, "_accepted", accepted_over_any)
    with pytest.raises(AssertionError):
        check_gaps()


def accepted_over_any(crowds: Sequence[tuple[float, Figures]], _: str, began_at_s: float, ended_at_s: float) -> bytes:
    """As if it did not matter how a buyer comes."""
    over = [_accepted(crowds, protocol, began_at_s, ended_at_s) for protocol in ("HTTP", "gRPC")]
    return bytes(map(max, *over))


def test_who_gave_up_is_wrong_where_no_outage_may_be_so_long() -> None:
    errors = {"HTTP held: no answer for 20 s, at last UNAVAILABLE": 3, "gRPC held: INTERNAL": 1}
    assert len(fault_module.unexplained(errors, fault_module.PROMISED_S)) == 2
    assert fault_module.unexplained(errors, 45.0) == ["1 times gRPC held: INTERNAL"]
