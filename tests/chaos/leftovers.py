"""What a runner that was killed has left in the folder of a stage: a stack that is about to end, Postgres, a mount."""

import shutil
import subprocess
import time
from pathlib import Path

from serve.local.preflight import CannotStart
from serve.local.processes import marked, working_in
from serve.local.stack import DataFolder
from tests.stack.running_stack import kill

STACKS = ("stack", "other")
ENDS_WITHIN_S = 90.0


def clear(folder: Path) -> None:
    """Delete it when nobody is in it any more; harmless if it is not there. Raises TimeoutError."""
    end_all(folder)
    if folder.exists():
        shutil.rmtree(folder)


def end_all(folder: Path) -> None:
    """Let nobody be in it any more; harmless if it is not there. Raises TimeoutError."""
    for name in STACKS:
        if (folder / name).exists():
            _until_ended(DataFolder(folder / name))
    for database in folder.glob("postgres-*"):
        while living := working_in(database, "postgres"):
            kill(living)
            time.sleep(0.1)
    for mounted in filter(Path.is_mount, folder.glob("*")):
        subprocess.run(["umount", str(mounted)], check=True)


def _until_ended(data: DataFolder) -> None:
    """The supervisor ends with its runner, but takes its time; what it could not end is killed."""
    deadline_s = time.monotonic() + ENDS_WITHIN_S
    while True:
        try:
            with data.held():
                break
        except CannotStart:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"a stack of an earlier run does not end: {data.root}") from None
    while living := [*marked(data.stack_id), *working_in(data.redis, "redis-server")]:
        kill(living)
        time.sleep(0.1)
