"""The Postgres servers of a stack under chaos, whose lives are the test's: they die, restart, and take over."""

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from serve.local.postgres import Postgres, _as_owner, programs
from serve.local.preflight import free_port
from tests.chaos.written import KEPT
from tests.stack.running_stack import kill

CLIENTS = 400  # two stacks use it for a while
ALSO = {"wal_retrieve_retry_interval": "200ms", **KEPT}
"""A standby whose primary is gone looks for it so often; it may not hear in between that it is promoted."""


class Database(Postgres):
    """One server; a standby counts as started when it can be read."""

    def __init__(self, folder: Path, password_file: Path) -> None:
        self.folder = folder
        self.password_file = password_file
        log = folder.parent / f"{folder.name}.log"
        super().__init__(folder, free_port(), password_file, log=log, clients=CLIENTS, also=ALSO)

    def kill(self) -> list[int]:
        """SIGKILL to all of it; who they were."""
        pids = self.processes()
        kill(pids)
        return pids

    def stop_immediately(self) -> str:
        """`pg_ctl stop -m immediate`; what that said."""
        return self._control("stop", "-m", "immediate")

    def promote(self) -> str:
        """Make a standby the primary; what that said."""
        return self._control("promote", "-w")

    def standby(self, folder: Path) -> "Database":
        """A copy of this server that follows it, not started yet."""
        folder.mkdir(mode=0o700)
        owner = self.folder.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
        url = urlsplit(self.url)._replace(path="").geturl()
        self._run("pg_basebackup", "-D", str(folder), "-d", url, "-R", "--checkpoint=fast", "--wal-method=stream")
        return Database(folder, self.password_file)

    def remove(self) -> None:
        """Stop it and delete its files."""
        self.stop()
        shutil.rmtree(self.folder)

    def said(self) -> str:
        """Its log."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _is_ready(self) -> bool:
        lines = self._pid_file_lines()
        pid = self._process.pid if self._process is not None else None
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() in ("ready", "standby")

    def _control(self, *words: str) -> str:
        return self._run("pg_ctl", "-D", str(self.folder), *words)

    def _run(self, program: str, *words: str) -> str:
        done = subprocess.run(
            [*_as_owner(self.folder), str(programs() / program), *words],
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()
