"""A directory with its shards on a Ray and a Postgres of their own, without edges and without a supervisor.

As a program (`python -m tests.stack.lone_directory`) it is Ray's driver: told an `Order` on standard input, it says
that all shards serve, and runs until its input closes.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import ray

from actors import directory
from actors.build import BUILD
from actors.catalogue.catalogue import Catalogue, Incarnation
from actors.catalogue.fleet import shard_names
from actors.core.ids import BlockId
from actors.database.connect import connect
from actors.database.migrate import migrate
from actors.directory import NAMESPACE, Directory, DirectoryConfig
from actors.shard import Shard, ShardConfig
from actors.watch import Watch
from serve.local.postgres import Postgres
from serve.local.preflight import LOOPBACK, free_port
from serve.local.processes import end, mark, marked
from serve.local.ray_session import ray_environment
from serve.local.stack import DataFolder
from serve.settings import Settings
from tests.database_faults import NO_REPLICA
from tests.stack.patience import await_that

ROOT = Path(__file__).resolve().parents[2]
SHARDS = 2
MODULE = "tests.stack.lone_directory"
READY = b"every shard serves\n"
LATE_S = 6.0  # longer than a directory that starts waits for an answer


class Order(msgspec.Struct, frozen=True):
    """What the driver is told. `sabotage`: a function of this module that it and every process of Ray call first."""

    ray_folder: str
    generation: int
    shard: ShardConfig
    sabotage: str


class LoneDirectory:
    """The cluster as a test sees it from outside."""

    def __init__(self, folder: DataFolder, postgres: Postgres, links: Path, generation: int) -> None:
        self.folder = folder
        self.postgres = postgres
        self.links = links
        self._generation = generation

    def directory(self) -> int:
        """The process of the directory. Raises ValueError while there is none."""
        (pid,) = self._processes_of("Directory")
        return pid

    def shards(self) -> set[int]:
        """All processes of shards, spares and those that are just starting among them."""
        return set(self._processes_of("Shard"))

    def serving(self) -> dict[str, int]:
        """The process of each shard, by the catalogue."""
        return asyncio.run(self._serving())

    def register_elsewhere(self, pid: int) -> None:
        """Let the catalogue name a successor of one shard on another machine, whose process bears this number there."""
        asyncio.run(self._register_elsewhere(pid))

    def spares(self) -> set[int]:
        """The processes of shards that the catalogue does not know."""
        return self.shards() - set(self.serving().values())

    @contextmanager
    def without_postgres(self) -> Iterator[None]:
        """It is stopped meanwhile."""
        self.postgres.stop()
        try:
            yield
        finally:
            self.postgres.start()

    @contextmanager
    def without_replicas(self) -> Iterator[None]:
        """Commits wait for one that is not there."""
        asyncio.run(self._configure(NO_REPLICA.begin))
        try:
            yield
        finally:
            asyncio.run(self._configure(NO_REPLICA.end))

    def _processes_of(self, actor: str) -> list[int]:
        titles = re.compile(rf"ray::(.+:)?{actor}\b")  # while it starts, its name and a colon go before
        return [pid for pid in marked(self.folder.stack_id) if titles.match(title(pid))]

    async def _register_elsewhere(self, pid: int) -> None:
        catalogue = Catalogue(self.postgres.url)
        try:
            newest, _ = await catalogue.newest_incarnations(self._generation)
            shard, current = next(iter(newest.items()))
            await catalogue.register(shard, current.epoch + 1, f"tcp:{LOOPBACK}:1", pid)  # where nobody listens
        finally:
            await catalogue.close()

    async def _configure(self, statements: Sequence[str]) -> None:
        connection = await connect(self.postgres.url, application_name="tests")
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def _serving(self) -> dict[str, int]:
        catalogue = Catalogue(self.postgres.url)
        try:
            newest, _ = await catalogue.newest_incarnations(self._generation)
        finally:
            await catalogue.close()
        return {name: incarnation.pid for name, incarnation in newest.items()}


@contextmanager
def lone_directory(root: Path, sabotage: str = "") -> Iterator[LoneDirectory]:
    """A cluster of `SHARDS` shards that all serve and a spare; nothing of it is left afterwards."""
    folder = DataFolder(root)
    with ExitStack() as undo:
        undo.enter_context(folder.held())
        secret = folder.secret("postgres")
        postgres = Postgres(folder.postgres, free_port(), secret, log=folder.logs / "postgres.log")
        undo.callback(postgres.stop)
        postgres.start()
        generation = asyncio.run(_prepare(postgres.url))
        links = folder.ray_short / "link"
        links.mkdir(mode=0o700)
        shard = ShardConfig(postgres.url, folder.secret("link").read_bytes(), str(links), cut_over=True)
        driver = _start_driver(folder, Order(str(folder.ray_short), generation, shard, sabotage))
        undo.enter_context(driver)
        undo.callback(end, lambda: marked(folder.stack_id), (signal.SIGKILL, 5.0))
        assert driver.stdout is not None
        assert driver.stdout.readline() == READY, (folder.logs / "driver.log").read_text()
        cluster = LoneDirectory(folder, postgres, links, generation)
        await_that("a spare is there", lambda: len(cluster.spares()) == 1, 20)
        yield cluster


def title(pid: int) -> str:
    """How the process calls itself; Ray's tell their actor."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
    except OSError:
        return ""


async def _prepare(database_url: str) -> int:
    await migrate(database_url)
    catalogue = Catalogue(database_url)
    try:
        return await catalogue.begin_generation()
    finally:
        await catalogue.close()


def _start_driver(folder: DataFolder, order: Order) -> subprocess.Popen[bytes]:
    settings = Settings(inner_port=22000)  # nothing of it is opened without Serve
    environment = {**os.environ, **ray_environment(settings, folder), **mark(folder.stack_id)}
    with (folder.logs / "driver.log").open("ab") as log:
        driver = subprocess.Popen(
            [sys.executable, "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment | {"PYTHONPATH": str(ROOT)},
            cwd=ROOT,
        )
    assert driver.stdin is not None
    driver.stdin.write(msgspec.json.encode(order) + b"\n")
    driver.stdin.flush()
    return driver


def main() -> None:
    """Be Ray's driver."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    if order.sabotage:  # what `actors.directory` itself defines goes to the directory's process as it is here
        globals()[order.sabotage]()
    ray.init(
        address="local",
        num_cpus=2,
        num_gpus=0,
        object_store_memory=80_000_000,
        include_dashboard=False,
        namespace=NAMESPACE,
        log_to_driver=False,
        configure_logging=False,
        runtime_env={"worker_process_setup_hook": f"{MODULE}.{order.sabotage}"} if order.sabotage else None,
        _node_ip_address=LOOPBACK,
        _temp_dir=order.ray_folder,
    )
    config = DirectoryConfig(order.generation, BUILD, shard_names(SHARDS), order.shard)
    actor: Any = Directory
    begun = actor.options(name="directory", namespace=NAMESPACE, lifetime="detached").remote(config)
    ray.get(begun.pid.remote(), timeout=60)
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    sys.stdin.buffer.read()
    ray.shutdown()


def nobody_is_ended() -> None:
    """Sabotage: whom the directory gives up lives on."""
    ray.kill = lambda *_, **__: None


def shards_answer_ray_late() -> None:
    """No sabotage, but a strain: the links of shards answer at once, and Ray hears of them only later."""
    kind: Any = Shard
    shard = kind.__ray_metadata__.modified_class
    standing = shard.standing

    async def late(self: Any) -> object:
        await asyncio.sleep(LATE_S if self._serving else 0)
        return await standing(self)

    shard.standing = late


def and_who_answers_late_is_ended() -> None:
    """Sabotage: at once, whether it serves or not."""
    shards_answer_ray_late()
    kind: Any = Directory
    the_directory = kind.__ray_metadata__.modified_class
    end_strays = the_directory._end_strays

    async def end_them_all(self: Any, known: dict[str, Incarnation]) -> list[Any]:
        for actor in await end_strays(self, known):
            ray.kill(actor)
        return []

    the_directory._end_strays = end_them_all


def who_is_spared_once_is_spared_for_ever() -> None:
    """Sabotage: what it says in the end is not listened to."""

    async def spare(_self: object, _actor: object) -> None:
        return None

    kind: Any = Directory
    kind.__ray_metadata__.modified_class._end_if_stray = spare


def processes_are_told_by_their_number_alone() -> None:
    """Sabotage: as if all were on one machine."""

    def shard_of(standing: tuple[str, int] | None, known: dict[str, Incarnation]) -> str | None:
        return next((name for name, one in known.items() if standing is not None and standing[1] == one.pid), None)

    directory._shard_of = shard_of


def postgres_is_never_waited_for() -> None:
    """Sabotage: a shard can always be registered."""

    async def guess(self: Catalogue, shard: str) -> None:
        return None

    Catalogue.witness_commit = guess  # type: ignore[method-assign]


def commits_are_never_waited_for() -> None:
    """Sabotage: a shard can be registered whenever Postgres can be read."""

    async def look(self: Catalogue, shard: str) -> None:
        await self.owner(BlockId(""))

    Catalogue.witness_commit = look  # type: ignore[method-assign]


def nobody_looks_after_the_spare() -> None:
    """Sabotage: it is made once, and counted on."""
    directory.SPARE_PERIOD_S = 1e6


def the_first_directory_has_a_bug() -> None:
    """Sabotage: it fails when it has to replace a shard; the one that Ray starts in its place does not."""
    replace = Watch._replace

    async def replace_or_fail(self: Watch, shard: str, incarnation: int) -> Incarnation:
        if incarnation > 0 and not ray.get_runtime_context().was_current_actor_reconstructed:
            raise LookupError("a bug")
        return await replace(self, shard, incarnation)

    Watch._replace = replace_or_fail  # type: ignore[method-assign]


def and_stays_although_it_has_failed() -> None:
    """Sabotage: and its process does not end."""
    the_first_directory_has_a_bug()
    os._exit = lambda *_: None  # type: ignore[assignment]


if __name__ == "__main__":
    main()
