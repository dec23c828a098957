"""Layout files from disk: what is read, what is refused and where, and how little work a hostile file makes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from actors.core.layout import Layout
from actors.layout_files.layout_file import parse_layout
from actors.layout_files.layout_writer import layout_to_raw
from serve import layout_reader
from serve.layout_reader import MAX_FILE_BYTES, LayoutFileError, decode_json, decode_yaml, read_layout_file

ARENA = Path(layout_reader.__file__).parent / "local" / "demo" / "arena.yaml"
TEN_MEGABYTES = 10_000_000


def written(folder: Path, name: str, content: str | bytes) -> Path:
    """A new file with that content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path, max_bytes: int = MAX_FILE_BYTES) -> str:
    """What is said of a file that must be refused, without the folder."""
    with pytest.raises(LayoutFileError) as caught:
        read_layout_file(path, max_bytes)
    return str(caught.value).removeprefix(f"{path.parent}/")


def arena() -> Layout:
    """The demo's layout."""
    layout = parse_layout(read_layout_file(ARENA))
    assert isinstance(layout, Layout), layout
    return layout


def test_the_demo_is_an_arena() -> None:
    layout = arena()
    assert layout.seat_count == 19_226
    assert layout.capacity == layout.seat_count + 4_000
    assert [(area.name, area.capacity) for area in layout.areas] == [("Floor", 4_000)]
    assert len(layout.sections) == 24 + 12 + 24 + 32
    assert {row.category for _, row in layout.rows()} | {layout.areas[0].category} == set(range(len(layout.categories)))
    assert len({category.price for category in layout.categories}) == len(layout.categories)


def test_the_demo_reads_the_same_as_json(tmp_path: Path) -> None:
    layout = arena()
    path = written(tmp_path, "arena.json", json.dumps(layout_to_raw(layout)))
    assert parse_layout(read_layout_file(path)) == layout


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, -2, 0, 3.5, true, false, null, ~]", [1, -2, 0, 3.5, True, False, None, None]),
        ("[NO, yes, 012, 1_000, 1:30, 0x1F, 1e3, 2030-01-31, .inf, <<]", None),
        ("['1', \"true\", 'null', '']", ["1", "true", "null", ""]),
        ("[1..20, A..T]", ["1..20", "A..T"]),
        ("101: x", {"101": "x"}),
        ("a: {b: [{c: 1}, []]}\nd:", {"a": {"b": [{"c": 1}, []]}, "d": None}),
        ("9999999999999999999", "9999999999999999999"),
        ("", None),
        ("\ufeffa: 1", {"a": 1}),
    ],
)
def test_yaml_scalars_do_not_surprise(text: str, value: object) -> None:
    expected = text.strip("[]").split(", ") if value is None and text else value
    assert decode_yaml(text) == expected


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.yaml", "a: 1\nb: [1, 2\nc: 3\n", "a.yaml:3:2: did not find expected ',' or ']'"),
        ("a.yaml", "a: 1\nb: 2\na: 3\n", "a.yaml:3:1: the key 'a' appears twice"),
        ("a.yaml", "a: {b: 1, b: 1}\n", "a.yaml:1:11: the key 'b' appears twice"),
        ("a.yml", "a: &x 1\nb: *x\n", "a.yml:1:4: anchors and aliases are not taken; write it out"),
        ("a.yaml", "a: *x\n", "a.yaml:1:4: anchors and aliases are not taken; write it out"),
        ("a.yaml", "a: !!python/object/apply:os.system [x]\n", "a.yaml:1:4: tags are not taken"),
        ("a.yaml", "a: !!int '1'\n", "a.yaml:1:4: tags are not taken"),
        ("a.yaml", "? [1]\n: 2\n", "a.yaml:1:3: a key must be text"),
        ("a.yaml", "a: 1\n---\nb: 2\n", "a.yaml:2:1: a second document begins; a file holds one"),
        ("a.yaml", "a: 1\nb: \x01\n", "a.yaml:2: control characters are not allowed"),
        ("a.yaml", b"a: 1\nb: \xff\n", "a.yaml:2: is not UTF-8"),
        ("a.json", '{"a": 1,\n "b" 2}', "a.json:2:6: Expecting ':' delimiter"),
        ("a.json", '{"a": 1, "a": 2}', "a.json: the key 'a' appears twice"),
        ("a.json", '{"a": NaN}', "a.json: NaN is not a number of JSON"),
        ("a.json", '{"a": -Infinity}', "a.json: -Infinity is not a number of JSON"),
        ("a.toml", "a = 1", "a.toml: the name must end in .yaml, .yml, .json"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    assert refusal(written(tmp_path, name, content)) == said


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.yaml") == "none.yaml: No such file or directory"


def test_json_numbers_of_thousands_of_digits_are_refused() -> None:
    with pytest.raises(LayoutFileError, match="has a number that cannot be read"):
        decode_json("9" * 10_000)


def test_a_file_over_the_bound_is_refused_whatever_it_holds(tmp_path: Path) -> None:
    assert (
        refusal(written(tmp_path, "a.yaml", b"a" * TEN_MEGABYTES)) == f"a.yaml: is larger than {MAX_FILE_BYTES} bytes"
    )
    assert refusal(written(tmp_path, "a.json", b"["), 0) == "a.json: is larger than 0 bytes"


ALIAS_BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 200_000))
HOSTILE_YAML = [
    # shape, what the file is filled with, what is said of it
    ("flow lists in lists", "[", "1:17: is nested more than 16 deep"),
    ("block lists in lists", "- ", "1:33: is nested more than 16 deep"),
    ("mappings in mappings", "{a: ", "1:65: is nested more than 16 deep"),
    ("keys of keys", "? ", "1:3: a key must be text"),
    ("an alias bomb", ALIAS_BOMB, "1:5: anchors and aliases are not taken; write it out"),
    ("the same key again", "a: x\n", "2:1: the key 'a' appears twice"),
]


@pytest.mark.parametrize(("shape", "unit", "said"), HOSTILE_YAML, ids=[shape for shape, _, _ in HOSTILE_YAML])
def test_ten_megabytes_of_hostile_yaml_cost_a_few_parser_events(
    shape: str, unit: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = count_events(monkeypatch)
    path = written(tmp_path, "a.yaml", (unit * (TEN_MEGABYTES // len(unit) + 1))[:TEN_MEGABYTES])
    assert refusal(path, max_bytes=TEN_MEGABYTES) == f"a.yaml:{said}", shape
    assert len(events) < 100


def test_negative_control_without_the_bound_on_depth_the_parser_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    events = count_events(monkeypatch)
    monkeypatch.setattr(layout_reader, "MAX_DEPTH", 500)
    with pytest.raises(LayoutFileError, match="nested more than 500 deep"):
        decode_yaml("[" * 1_000)
    assert len(events) > 100


def count_events(monkeypatch: pytest.MonkeyPatch) -> list[yaml.Event]:
    """A list that receives every event that the parser gives from now on."""
    events: list[yaml.Event] = []
    parse = yaml.parse

    def counted(text: str, Loader: type[yaml.SafeLoader]) -> Iterator[yaml.Event]:  # noqa: N803 - PyYAML's name
        for event in parse(text, Loader=Loader):
            events.append(event)
            yield event

    monkeypatch.setattr(yaml, "parse", counted)
    return events


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_ten_megabytes_of_one_text_are_one_value_and_no_layout(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, name, '"' + "x" * (TEN_MEGABYTES - 2) + '"')
    faults = parse_layout(read_layout_file(path, max_bytes=TEN_MEGABYTES))
    assert isinstance(faults, tuple)
    assert len(faults) == 1
    assert len(str(faults[0])) < 300


def test_json_nested_a_million_deep_is_refused(tmp_path: Path) -> None:
    assert refusal(written(tmp_path, "a.json", "[" * 1_000_000)) == "a.json: is nested too deeply"


def test_a_long_list_of_nonsense_is_read_and_refused_at_its_first_sight(tmp_path: Path) -> None:
    path = written(tmp_path, "a.yaml", "sections:\n" + "- nonsense\n" * 100_000)
    faults = parse_layout(read_layout_file(path))
    assert isinstance(faults, tuple)
    assert [str(fault) for fault in faults] == [
        "currency: is missing",
        "categories: is missing",
        "sections: must have 0 to 5000 elements, has 100000",
    ]
