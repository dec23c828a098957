"""The data folder of one stack, who holds it, and what others need to reach the running server."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from serve.local.preflight import CannotStart
from serve.local.processes import wait_until
from serve.settings import Settings, described

_SHORT_PATH_LIMIT = 27
"""Of a Unix socket path's 107 bytes HAProxy's file, the node's id (56) and a temporary suffix take the rest."""


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """A running stack: its settings and the addresses and secrets to reach it by."""

    settings: Settings
    pid: int
    database_url: str
    redis_url: str
    http_url: str
    grpc_target: str


class DataFolder:
    """A data folder: where each part keeps its files. The folder and all below it are the owner's alone."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.stack_id = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        """The same for every run of one folder, so that a run finds what an earlier one left behind."""
        self.postgres = self.root / "postgres"
        self.redis = self.root / "redis"
        self.ray = self.root / "ray"
        self.logs = self.root / "logs"
        # Ray and HAProxy put Unix sockets below their folder, whose paths are limited: they reach it by a short name.
        self.ray_short = Path(tempfile.gettempdir()) / f"hf-{self.stack_id}"
        self.backup = self.root / "backup.json"  # where a backup goes on, if one was made
        self.backup_over = self.root / "backup-over.json"  # of which one the log is received no more, and why
        self._stack_file = self.root / "stack.json"
        self._lock_file = self.root / "lock"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder and hold it against a second stack. Raises CannotStart."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)  # one that was there may be open, and Ray opens its own folder to everybody
            self.ray.mkdir(mode=0o700, exist_ok=True)
            lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            advice = f"choose another with {described('data_dir')}"
            raise CannotStart(f"cannot use the data folder {self.root} ({error.strerror}): {advice}") from None
        # A command that looks for the running server holds the lock for an instant: ask more than once.
        if not wait_until(lambda: _flocked(lock), 0.5):
            os.close(lock)
            raise CannotStart(
                f"another Holdfast runs on the data folder {self.root}: stop it, or choose another folder "
                f"with {described('data_dir')}"
            )
        try:
            self._stack_file.unlink(missing_ok=True)  # a run that was killed has left it
            self._link_short_name()
            try:
                yield
            finally:
                self._stack_file.unlink(missing_ok=True)
                self._remove_short_name()
        finally:
            os.close(lock)

    def secret(self, name: str) -> Path:
        """The file that holds a secret of this folder (64 hex digits), made at first use."""
        path = self.root / "secrets" / name
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            write_private(path, secrets.token_hex(32).encode())
        return path

    def publish(self, stack: Stack) -> None:
        """Let commands on this machine find the running server (see `find_stack`)."""
        write_private(self._stack_file, msgspec.json.encode(stack, enc_hook=str))

    def find_stack(self) -> Stack | None:
        """The stack that runs on this folder, or None. Raises OSError: it cannot be looked into."""
        try:
            with self._lock_file.open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:  # somebody holds the folder, so its file is not a dead run's
            with suppress(FileNotFoundError):
                return decode_stack(self._stack_file.read_bytes())
        return None

    def _link_short_name(self) -> None:
        if len(os.fsencode(self.ray_short)) > _SHORT_PATH_LIMIT:
            raise CannotStart(f"the folder for temporary files has too long a name for Ray's sockets: {self.ray_short}")
        with suppress(FileNotFoundError):
            # Anybody may write there: a name that somebody else made must not lead our sockets to his folder.
            if self.ray_short.lstat().st_uid != os.geteuid():
                raise CannotStart(f"{self.ray_short} belongs to somebody else: remove it or set TMPDIR")
        self._remove_short_name()
        self.ray_short.symlink_to(self.ray)

    def _remove_short_name(self) -> None:
        if self.ray_short.is_symlink():
            self.ray_short.unlink()
        elif self.ray_short.exists():  # a process of Ray that ended late wanted its folder, and made one
            shutil.rmtree(self.ray_short)


def _flocked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def find_stack(data_dir: Path) -> Stack | None:
    """The stack that runs on a data folder, or None."""
    return DataFolder(data_dir).find_stack()


def decode_stack(text: bytes) -> Stack:
    """The stack that `publish` wrote."""
    return msgspec.json.decode(text, type=Stack, dec_hook=lambda kind, value: kind(value))


def write_private(path: Path, content: bytes) -> None:
    """Replace a file, at once and whole, by one that only its owner can read. Raises CannotStart."""
    new = path.with_name(path.name + ".new")
    try:
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
            output.write(content)
            output.flush()
            os.fsync(output.fileno())
        new.replace(path)
    except OSError as error:
        raise CannotStart(f"cannot write {path} ({error.strerror})") from None
