"""Frames survive any cuts of the stream; what is no frame or too large is refused, always at the same place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.link.frames import (
    HEADER_BYTES,
    Frame,
    FrameDecoder,
    FrameError,
    FrameMalformed,
    FrameTooLarge,
    Kind,
    encode_frame,
)

BOUND = HEADER_BYTES + 100

frames = st.builds(Frame, st.sampled_from(Kind), st.integers(0, 2**64 - 1), st.binary(max_size=100))


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


def decode(pieces: list[bytes], bound: int = BOUND) -> tuple[list[Frame], type[FrameError] | None]:
    """The frames in a stream, and how it ended: None if more may come."""
    decoder = FrameDecoder(bound)
    found = []
    for piece in pieces:
        decoder.feed(piece)
        try:
            while (frame := decoder.next_frame()) is not None:
                found.append(frame)
        except FrameError as error:
            return found, type(error)
    return found, None


@given(st.lists(frames), st.lists(st.integers(0, 60)))
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(sent: list[Frame], sizes: list[int]) -> None:
    data = b"".join(encode_frame(*frame) for frame in sent)
    assert decode(cut(data, sizes)) == (sent, None)


@given(st.binary(max_size=400), st.lists(st.integers(0, 60)))
def test_garbage_gives_the_same_frames_and_the_same_error_however_it_is_cut(data: bytes, sizes: list[int]) -> None:
    assert decode(cut(data, sizes)) == decode([data])


@given(st.lists(frames, max_size=3), st.lists(st.integers(0, 60)))
def test_frames_before_a_bad_one_still_count(sent: list[Frame], sizes: list[int]) -> None:
    data = b"".join(encode_frame(*frame) for frame in sent) + b"\0\0\0\0\xff" + bytes(8)
    assert decode(cut(data, sizes)) == (sent, FrameMalformed)


def test_a_frame_over_the_bound_is_neither_encoded_nor_waited_for() -> None:
    with pytest.raises(FrameTooLarge):
        encode_frame(Kind.REQUEST, 1, bytes(101), BOUND)
    header = encode_frame(Kind.REQUEST, 1, bytes(101))[:HEADER_BYTES]
    assert decode([header]) == ([], FrameTooLarge)
    assert decode([header], BOUND + 1) == ([], None), "a larger bound lets it through: the bound is what refuses"


def test_a_frame_at_the_bound_passes() -> None:
    frame = Frame(Kind.REQUEST, 1, bytes(100))
    assert decode([encode_frame(*frame, BOUND)]) == ([frame], None)


def test_the_decoder_keeps_nothing_of_what_it_gave_out() -> None:
    decoder = FrameDecoder()
    decoder.feed(encode_frame(Kind.REQUEST, 1, b"abc") + b"\0")
    assert decoder.next_frame() == Frame(Kind.REQUEST, 1, b"abc")
    assert decoder.buffered_bytes == 1


def test_a_broken_stream_stays_broken() -> None:
    decoder = FrameDecoder()
    decoder.feed(bytes(HEADER_BYTES))
    for _ in range(2):
        with pytest.raises(FrameMalformed):
            decoder.next_frame()
