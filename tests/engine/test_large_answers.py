"""Answers travel in one frame: what has no room beside the others is put off, and alone there is room for anything."""

import msgspec
import pytest

from actors.core.commands import Command, CreateEvent, OpenSale, ReadEvent
from actors.core.entries import HoldPlaced, SaleOpened
from actors.core.ids import BlockId
from actors.core.layout import (
    MAX_AREAS,
    MAX_BUFFER_MS,
    MAX_CALENDARS,
    MAX_CATEGORIES,
    MAX_DAY,
    MAX_FEES,
    MAX_HALF_WIDTHS,
    MAX_HOURS,
    MAX_PPM,
    MAX_PRICE,
    MAX_PRICE_TYPES,
    MAX_RESOURCES,
    MAX_ROWS,
    MAX_RUNS,
    MAX_SECTIONS,
    MAX_SPECIAL_SEATS,
    MAX_TEXT_BYTES,
    MAX_TIME_MS,
    MINUTE_MS,
    Area,
    Calendar,
    Category,
    Fee,
    Hours,
    Layout,
    Resource,
    Row,
    RowKind,
    Section,
    Tax,
    text_bytes,
)
from actors.core.layout_soundness import first_fault
from actors.core.replies import EventReply, EventStatus
from actors.core.rules import (
    MAX_ALLOTMENTS,
    MAX_CHANNELS,
    MAX_RULES_TEXT_BYTES,
    MAX_UNITS_NAMED,
    Allotment,
    Channel,
    Rules,
    Window,
    faults_of_rules,
)
from actors.engine import block_host
from actors.link.batch import (
    ANSWER_OVERHEAD_BYTES,
    MAX_ANSWERS_BYTES,
    Answer,
    Call,
    Failed,
    Fault,
    Replied,
    answers_decoder,
    encoder,
    reply_decoder,
)
from actors.link.frames import MAX_FRAME_BYTES, Kind, encode_frame
from tests.engine.stage import (
    NOT_READY,
    Running,
    Stage,
    answered,
    hold,
    on_virtual_time,
    read_event,
    read_hold,
    settle,
    stamp,
)

DEFERRED = Failed(Fault.DEFERRED)
LABEL_LENGTH = 32
LABELS_PER_ROW = 1_000


def seats(numbers: range) -> tuple[str, ...]:
    """Labels as long as they may be."""
    return tuple(f"{number:\N{SNOWMAN}>{LABEL_LENGTH}}" for number in numbers)


def labelled(seat_count: int) -> Layout:
    """A sound layout of so many seats, labelled one by one, each at its full length."""
    rows = tuple(
        Row(f"R{first}", 0, 0, last - first, seats(range(first, last)))
        for first in range(0, seat_count, LABELS_PER_ROW)
        for last in (min(first + LABELS_PER_ROW, seat_count),)
    )
    layout = Layout("EUR", (Category("all", 1),), (Section("S", rows),), ())
    assert first_fault(layout) is None
    return layout


async def large_event(stage: Stage, owner: Running, layout: Layout) -> BlockId:
    """An event with this layout, not yet on sale."""
    block = stage.new_block()
    create = CreateEvent(stamp(f"create-{block}"), "Large", layout, 600_000)
    assert isinstance(await owner.ask_one(block, create), Replied)
    return block


async def exchanged(owner: Running, calls: list[tuple[BlockId, Command]]) -> list[Answer]:
    """The answers to a batch, as they come out of a frame."""
    payload = encoder.encode([Call(block, encoder.encode(command)) for block, command in calls])
    answers = await answered(owner.process.start(owner.engine.serve(payload)))
    encode_frame(Kind.ANSWER, 1, answers)  # FrameTooLarge, if it does not fit
    return answers_decoder.decode(answers)


async def check_batch() -> None:
    """Reads of a large event, an opening of its sale, and what its neighbour's buyers want, all in one batch."""
    stage = Stage()
    owner = await stage.engine()
    neighbour = await stage.on_sale(owner)
    await owner.ask(neighbour, hold(1, "1/1"))
    large = await large_event(stage, owner, labelled(20_000))
    reading: list[tuple[BlockId, Command]] = [(large, read_event())] * 100
    buying: list[tuple[BlockId, Command]] = [(neighbour, hold(2, "1/2")), (neighbour, read_hold(1))]
    answers = await exchanged(owner, [*reading, (large, OpenSale(stamp("open"))), *buying])
    read = answers[:100]
    assert 0 < sum(isinstance(answer, Replied) for answer in read) < 100
    assert [answer for answer in read if not isinstance(answer, Replied)] == [
        answer for answer in read if answer == DEFERRED
    ]
    assert answers[100] == DEFERRED
    assert all(isinstance(answer, Replied) for answer in answers[101:]), "its neighbours' answers are small"
    for command in (read_event(), OpenSale(stamp("open"))):
        (again,) = await exchanged(owner, [(large, command)])
        assert isinstance(again, Replied), "alone there is room"
    assert sum(isinstance(entry, SaleOpened) for entry in stage.entries(large)) == 1
    assert sum(isinstance(entry, HoldPlaced) for entry in stage.entries(neighbour)) == 2


def test_answers_that_have_no_room_are_put_off_and_spoil_nobody_elses() -> None:
    on_virtual_time(check_batch)()


def test_control_without_a_bound_the_batch_has_no_answer_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_host, "MAX_ANSWERS_BYTES", 1 << 40)
    with pytest.raises(Exception, match="the bound is"):
        on_virtual_time(check_batch)()


async def check_cost() -> None:
    """What has no room is not decided a hundred times over."""
    stage = Stage()
    owner = await stage.engine()
    large = await large_event(stage, owner, labelled(20_000))
    decided = 0
    serve = block_host._serve

    def counted(*arguments: object, **known: bool) -> Answer:
        nonlocal decided
        decided += 1
        return serve(*arguments, **known)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_host, "_serve", counted)
        answers = await exchanged(owner, [(large, read_event())] * 100)
    assert decided <= sum(isinstance(answer, Replied) for answer in answers) + 1


def test_a_batch_costs_little_more_than_its_frame() -> None:
    on_virtual_time(check_cost)()


def test_control_decided_one_and_all_it_costs_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_host, "_REPLIED_WITH_LAYOUT", ())
    with pytest.raises(AssertionError):
        on_virtual_time(check_cost)()


async def check_written_and_put_off() -> None:
    """An opening whose answer had no room took place, and is not made twice by asking again."""
    stage = Stage()
    owner = await stage.engine()
    large = await large_event(stage, owner, labelled(20_000))
    room = sum(isinstance(answer, Replied) for answer in await exchanged(owner, [(large, read_event())] * 100))
    open_sale = OpenSale(stamp("open"))
    answers = await exchanged(owner, [*[(large, read_event())] * room, (large, open_sale)])
    assert answers[-1] == DEFERRED
    assert isinstance(stage.entries(large)[-1], SaleOpened)
    assert isinstance((await exchanged(owner, [(large, open_sale)]))[0], Replied)
    assert sum(isinstance(entry, SaleOpened) for entry in stage.entries(large)) == 1


def test_what_was_put_off_may_have_been_done() -> None:
    on_virtual_time(check_written_and_put_off)()


def largest_that_arrives(stage: Stage) -> tuple[BlockId, CreateEvent]:
    """The creation that fills its frame to the last byte, with the least beside its layout."""
    block = stage.new_block()

    def payload(create: CreateEvent) -> bytes:
        return encoder.encode([Call(block, encoder.encode(create))])

    per_seat = labelled(2_000).text_bytes - labelled(1_000).text_bytes
    layout = labelled(MAX_TEXT_BYTES * 1_000 // per_seat - 100)
    create = CreateEvent(stamp("c"), "", layout, 600_000)
    missing = MAX_FRAME_BYTES - len(encode_frame(Kind.REQUEST, 1, payload(create)))
    name = "n" * (missing - 4)  # a long name takes four bytes more to tell its length
    create = CreateEvent(create.stamp, name, layout, 600_000)
    if len(encode_frame(Kind.REQUEST, 1, payload(create))) != MAX_FRAME_BYTES:
        raise RuntimeError("this is not what the check is about")
    return block, create


async def check_largest() -> None:
    stage = Stage()
    owner = await stage.engine()
    block, create = largest_that_arrives(stage)
    assert await exchanged(owner, [(block, create)]) == [NOT_READY]
    await settle()
    for command in (create, OpenSale(stamp("open")), ReadEvent(create.stamp.tenant)):
        (answer,) = await exchanged(owner, [(block, command)])
        assert isinstance(answer, Replied), answer
        assert reply_decoder.decode(answer.reply).layout == create.layout  # type: ignore[union-attr]


def test_whatever_arrives_in_a_frame_can_be_answered_in_one() -> None:
    on_virtual_time(check_largest)()


def name(kind: str, number: int) -> str:
    """A name as long as it may be, in letters as long as most are."""
    return f"{kind}{number:\N{SNOWMAN}>{LABEL_LENGTH - 1}}"


def largest_layout() -> Layout:
    """As much text as may be, and beside it as many of everything else as may be."""
    text_of_rows = sum(len(f"r{number}") + 1 for number in range(MAX_ROWS))
    labels = seats(range(LABELS_PER_ROW))
    labelled_rows = (MAX_TEXT_BYTES - text_of_rows) // text_bytes(labels)
    special = tuple(range(LABELS_PER_ROW))
    rows = tuple(
        Row(f"r{number}", MAX_CATEGORIES - 1, 10**8, LABELS_PER_ROW, labels, RowKind.TABLE, special)
        if number < labelled_rows
        else Row(f"r{number}", MAX_CATEGORIES - 1, 10**8, 1, (), RowKind.TABLE)
        for number in range(MAX_ROWS)
    )
    assert labelled_rows * LABELS_PER_ROW > 0.8 * MAX_SPECIAL_SEATS
    per_section = MAX_ROWS // MAX_SECTIONS
    places = MAX_HALF_WIDTHS, MAX_HALF_WIDTHS
    prices = tuple((number, MAX_PRICE) for number in range(1, MAX_PRICE_TYPES))
    closed = ((MAX_DAY * 1_440, MAX_DAY * 1_440 + 1),) * (MAX_HOURS // MAX_CALENDARS - 1)
    hours = Hours(MAX_DAY - 1, MAX_DAY, ((6, 1_439, 2_879),), closed)
    slot_ms, begins = 1_440 * MINUTE_MS, MAX_TIME_MS - 100 * 1_440 * MINUTE_MS
    runs = tuple((begins + run * slot_ms, 1, -1_439) for run in range(MAX_RUNS // MAX_CALENDARS))
    return Layout(
        "EUR",
        tuple(Category(name("c", number), MAX_PRICE, prices) for number in range(MAX_CATEGORIES)),
        tuple(Section(name("s", n), rows[n * per_section :][:per_section], places) for n in range(MAX_SECTIONS)),
        tuple(Area(name("a", number), 0, 100) for number in range(MAX_AREAS)),
        tuple(Resource(name("x", n), MAX_CATEGORIES - 1, n, MAX_BUFFER_MS) for n in range(MAX_RESOURCES)),
        tuple(Calendar("x" * 64, slot_ms, runs, hours) for _ in range(MAX_CALENDARS)),
        tuple(name("p", number) for number in range(MAX_PRICE_TYPES)),
        tuple(Fee(name("f", number), MAX_PRICE, MAX_PPM) for number in range(MAX_FEES)),
        Tax(name("t", 0), MAX_PPM, True),
        places,
    )


def largest_rules() -> Rules:
    """As many names as may be, in as many bytes as may be."""
    channels = tuple(Channel(name("c", number), Window(1 << 40, 1 << 41)) for number in range(MAX_CHANNELS))
    allotments = tuple(Allotment(name("a", n), name("c", 0), (), (), 1 << 47) for n in range(MAX_ALLOTMENTS))
    left = MAX_RULES_TEXT_BYTES - Rules(channels=channels, allotments=allotments).text_bytes
    length = left // MAX_UNITS_NAMED - 1
    units = tuple(f"{number:u>{length}}" for number in range(MAX_UNITS_NAMED // MAX_ALLOTMENTS))
    allotments = tuple(msgspec.structs.replace(allotment, units=units) for allotment in allotments)
    rules = Rules(Window(1 << 40, 1 << 41), channels=channels, allotments=allotments, accessible_until_ms=1 << 47)
    assert 0.95 * MAX_RULES_TEXT_BYTES < rules.text_bytes <= MAX_RULES_TEXT_BYTES
    return rules


def test_the_largest_layout_and_the_largest_rules_fit_into_a_frame() -> None:
    layout, rules = largest_layout(), largest_rules()
    assert first_fault(layout) is None
    assert list(faults_of_rules(rules)) == []
    assert layout.text_bytes > 0.98 * MAX_TEXT_BYTES
    event = EventReply("t" * 64, "\N{SNOWMAN}" * 200, EventStatus.ON_SALE, layout, 600_000, 1 << 47, rules)
    assert len(encoder.encode(event)) < 0.9 * MAX_FRAME_BYTES


def test_control_a_reply_that_is_larger_than_its_command_could_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_host, "MAX_ANSWERS_BYTES", MAX_ANSWERS_BYTES - 100)
    with pytest.raises(AssertionError, match="DEFERRED"):
        on_virtual_time(check_largest)()


def test_what_surrounds_a_reply_is_counted_at_its_most() -> None:
    reply = bytes(1 << 20)
    batch = encoder.encode([Replied(reply, True, (1 << 63) - 1)])
    assert len(batch) - len(reply) <= ANSWER_OVERHEAD_BYTES
