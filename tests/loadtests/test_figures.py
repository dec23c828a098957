"""Figures: gaps, waits and sums."""

import msgspec
import pytest

from actors.audit.replies import Told
from loadtests.figures import Figures, together


def test_the_longest_gap_is_the_one_that_no_process_filled() -> None:
    one, other = Figures(accepted_at=bytearray(100)), Figures(accepted_at=bytearray(100))
    for at_ms in range(0, 100, 10):
        one.accept(Told.HELD, at_ms)
    for at_ms in (3, 6, 15, 400):  # the last is after the end
        other.accept(Told.ORDERED, at_ms)
    both = together([one, other])
    assert (one.longest_gap_ms(), other.longest_gap_ms(), both.longest_gap_ms()) == (9, 84, 9)
    assert both.longest_gap_ms(3, 20) == 4
    assert both.new_count == 14


def test_acceptances_are_kept_by_protocol_too() -> None:
    one, other = (Figures(accepted_at=bytearray(9), accepted_over={name: bytearray(9)}) for name in ("HTTP", "gRPC"))
    one.accept(Told.HELD, 3, "HTTP")
    other.accept(Told.HELD, 5, "gRPC")
    both = together([one, other, one])
    assert both.accepted_over == {"HTTP": bytearray(b"\0\0\0\1\0\0\0\0\0"), "gRPC": bytearray(b"\0\0\0\0\0\1\0\0\0")}
    assert both.accepted_at == bytearray(b"\0\0\0\1\0\1\0\0\0")


def test_a_run_without_any_acceptance_is_one_gap() -> None:
    assert Figures(accepted_at=bytearray(50)).longest_gap_ms() == 50


def test_waits_are_kept_to_two_per_cent() -> None:
    figures = Figures()
    for wait_us in range(1_000, 101_000, 1_000):
        figures.wait("HTTP", wait_us)
    figures.wait("gRPC", 500_000)
    assert figures.wait_ms(0.5, "HTTP") == pytest.approx(50, rel=0.03)
    assert figures.wait_ms(0.99, "HTTP") == pytest.approx(99, rel=0.03)
    assert figures.wait_ms(1.0) == pytest.approx(500, rel=0.03)
    assert figures.longest_wait_us == 500_000


def test_figures_survive_the_way_from_process_to_process() -> None:
    figures = Figures(accepted_at=bytearray(10), errors={"why": 2}, replayed=1, cpu_s=0.5)
    figures.accept(Told.HELD, 4)
    figures.wait("gRPC", 1_234)
    arrived = msgspec.json.decode(msgspec.json.encode(figures), type=Figures)
    assert arrived == figures
    assert together([arrived, Figures()]) == figures
