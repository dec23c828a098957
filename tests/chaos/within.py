"""The way into the processes of a stack for what tests do to them from within: see `patches/sitecustomize.py`."""

import os
from pathlib import Path

WAY_IN = "HOLDFAST_TEST_CHAOS"
"""The variable by which a process knows the folder; without it nobody reaches into it."""

_PATCHES = Path(__file__).parent / "patches"


class Within:
    """A folder that a stack's processes look into."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._clock_shifts_s: dict[str, float] = {}

    def environ(self, environ: dict[str, str]) -> dict[str, str]:
        """The environment of a stack, with the way in."""
        before = environ.get("PYTHONPATH")
        path = os.pathsep.join([str(_PATCHES), before] if before else [str(_PATCHES)])
        return environ | {"PYTHONPATH": path, WAY_IN: str(self._folder)}

    def clock_shift_s(self, shard: str) -> float:
        """How far this shard's clock was moved so far."""
        return self._clock_shifts_s.get(shard, 0.0)

    def shift_clock(self, shard: str, seconds: float) -> None:
        """This shard's clock is wrong by so much from now on, and so is that of whoever succeeds it."""
        self._clock_shifts_s[shard] = seconds
        new = self._folder / f"clock-shift-{shard}.new"
        new.write_text(str(seconds))
        new.replace(self._folder / f"clock-shift-{shard}")

    def send_twice(self, wanted: bool) -> None:
        """Whether gateways send every batch twice."""
        self._switch("twice", wanted)

    def heed_no_quarantines(self) -> None:
        """Shards serve what is quarantined, from now on."""
        (self._folder / "heedless").touch()

    def answer_before_durable(self) -> None:
        """Shards wait for no commit, from now on."""
        (self._folder / "hasty").touch()

    def remember_no_keys(self) -> None:
        """Holds are not remembered under their keys, from now on."""
        (self._folder / "keyless").touch()

    def follow_newer_generations(self) -> None:
        """Shards take blocks that a newer generation has, from now on."""
        (self._folder / "lenient").touch()

    def take_conflicts_for_success(self) -> None:
        """Shards take whatever stands in their row's place for their row, from now on."""
        (self._folder / "believing").touch()

    def append_behind_anything(self) -> None:
        """Shards' rows are compared with no head, from now on."""
        (self._folder / "unfenced").touch()

    def move_positions_from_anywhere(self) -> None:
        """Projectors compare positions with nothing, from now on."""
        (self._folder / "careless").touch()

    def hold_what_is_held(self) -> None:
        """Shards let several hold the same seat, from now on."""
        (self._folder / "greedy").touch()

    def deny_what_may_be_done(self) -> None:
        """Gateways say no where a shard was gone after what it was sent, from now on."""
        (self._folder / "denying").touch()

    def tire_gateways(self, wanted: bool) -> None:
        """Whether a gateway is slower for ever after a crowd."""
        self._switch("weary", wanted)

    def leave_who_hangs(self, wanted: bool) -> None:
        """Whether who hangs beside the shards is left alone."""
        self._switch("unwatched", wanted)

    def fail_to_load_a_block(self) -> None:
        """The shard that loads a block next meets a bug, once."""
        (self._folder / "faulty").touch()

    def fail_a_hold(self) -> None:
        """The gateway that is asked for a hold next meets a bug, once."""
        (self._folder / "faulty-gateway").touch()

    @property
    def has_failed_a_hold(self) -> bool:
        """Whether it has."""
        return not (self._folder / "faulty-gateway").exists()

    def snapshot_after(self, entries: int) -> None:
        """Shards that begin from now on save a snapshot of a block after so many entries."""
        (self._folder / "snapshots").write_text(str(entries))

    @property
    def sent_twice(self) -> int:
        """How many batches have been."""
        try:
            return (self._folder / "sent-twice").stat().st_size
        except FileNotFoundError:
            return 0

    def _switch(self, name: str, wanted: bool) -> None:
        if wanted:
            (self._folder / name).touch()
        else:
            (self._folder / name).unlink(missing_ok=True)
