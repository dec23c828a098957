"""API keys: stored hashed, judged from memory, and going on when Postgres is away."""

import asyncio
from collections.abc import Sequence
from time import time

import pytest

from actors.core.outcomes import Reason, Rejected
from actors.database.connect import connect
from actors.database.line import LineUnavailable
from actors.reservations import Caller
from serve import auth
from serve.auth import KeyRing, Operator, PostgresKeySource, StoredKey, create_key, hash_of

pytestmark = pytest.mark.anyio

KEY_ID, SECRET = "0123456789abcdef", "a" * 64
BEARER = f"Bearer hf_{KEY_ID}_{SECRET}"


class Source:
    """Keys in memory, a clock to turn, and a switch to be away; counts how often it is asked for what."""

    def __init__(self) -> None:
        self.keys = {KEY_ID: StoredKey(KEY_ID, "alpha", hash_of(SECRET))}
        self.asked: list[tuple[str, ...]] = []
        self.away = False
        self.now_s = 1_000.0
        self.answering = asyncio.Event()
        self.answering.set()

    async def find(self, key_ids: Sequence[str]) -> Sequence[StoredKey]:
        self.asked.append(tuple(key_ids))
        await self.answering.wait()
        if self.away:
            raise LineUnavailable
        return [self.keys[key_id] for key_id in key_ids if key_id in self.keys]

    def ring(self) -> KeyRing:
        """A ring over this source and its clock."""
        return KeyRing(self, lambda: self.now_s)


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def _refused(reason: Reason) -> Rejected:
    return Rejected(reason)


async def test_a_known_key_is_read_once_and_judged_from_memory() -> None:
    source = Source()
    ring = source.ring()
    for _ in range(100):
        assert await ring.authenticate(BEARER) == Caller("alpha", "alpha")  # type: ignore[arg-type]
    assert source.asked == [(KEY_ID,)]


@pytest.mark.parametrize(
    "presented",
    [
        None,
        "",
        "Bearer",
        f"Basic hf_{KEY_ID}_{SECRET}",
        f"Bearer hf_{KEY_ID}_{'b' * 64}",
        f"Bearer hf_{KEY_ID}_{SECRET}0",
        f"Bearer hf_{KEY_ID}_{SECRET[:-1]}",
        f"Bearer hf_{KEY_ID.upper()}_{SECRET}",
        f"Bearer hf_{'9' * 16}_{SECRET}",
        f"{BEARER}\n",
    ],
)
async def test_whoever_has_no_valid_key_is_refused_alike(presented: str | None) -> None:
    assert await Source().ring().authenticate(presented) == _refused(Reason.UNAUTHENTICATED)


async def test_a_wrong_secret_is_refused_because_it_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: without the comparison any secret opens."""
    monkeypatch.setattr(auth, "compare_digest", lambda stored, presented: True)
    assert isinstance(await Source().ring().authenticate(f"Bearer hf_{KEY_ID}_{'b' * 64}"), Caller)


async def test_known_keys_go_on_working_while_postgres_is_away() -> None:
    source = Source()
    ring = source.ring()
    await ring.authenticate(BEARER)
    source.away = True
    for _ in range(50):
        source.now_s += auth.REFRESH_AFTER_S
        assert isinstance(await ring.authenticate(BEARER), Caller)
        await _settle()
    assert await ring.authenticate(f"Bearer hf_{'9' * 16}_{SECRET}") == _refused(Reason.UNAVAILABLE)
    source.away = False
    source.now_s += auth.ASK_AGAIN_AFTER_S
    assert await ring.authenticate(f"Bearer hf_{'9' * 16}_{SECRET}") == _refused(Reason.UNAUTHENTICATED)


async def test_while_postgres_is_away_it_is_asked_once_a_second_at_most() -> None:
    source = Source()
    source.away = True
    ring = source.ring()
    for number in range(100):
        assert await ring.authenticate(f"Bearer hf_{number:016x}_{SECRET}") == _refused(Reason.UNAVAILABLE)
    assert len(source.asked) == 1


@pytest.mark.parametrize("how", ["revoked", "gone"])
async def test_a_revoked_key_stops_working_within_the_refresh_time(how: str) -> None:
    source = Source()
    ring = source.ring()
    await ring.authenticate(BEARER)
    if how == "revoked":
        source.keys[KEY_ID] = StoredKey(KEY_ID, "alpha", hash_of(SECRET), revoked=True)
    else:
        del source.keys[KEY_ID]
    source.now_s += auth.REFRESH_AFTER_S + 0.1
    await ring.authenticate(BEARER)
    await _settle()
    assert await ring.authenticate(BEARER) == _refused(Reason.UNAUTHENTICATED)


async def test_an_operators_key_that_is_one_no_more_stops_being_one_within_the_refresh_time() -> None:
    source = Source()
    source.keys[KEY_ID] = StoredKey(KEY_ID, "alpha", hash_of(SECRET), operator=True)
    ring = source.ring()
    assert await ring.authenticate(BEARER) == Operator("alpha", "alpha")  # type: ignore[arg-type]
    source.keys[KEY_ID] = StoredKey(KEY_ID, "alpha", hash_of(SECRET))
    source.now_s += auth.REFRESH_AFTER_S + 0.1
    await ring.authenticate(BEARER)
    await _settle()
    assert await ring.authenticate(BEARER) == Caller("alpha", "alpha")  # type: ignore[arg-type]


async def test_an_expired_key_is_refused() -> None:
    source = Source()
    for expires_in_ms, opens in ((60_000, True), (-1, False)):
        source.keys[KEY_ID] = StoredKey(KEY_ID, "alpha", hash_of(SECRET), int(time() * 1000) + expires_in_ms)
        assert isinstance(await source.ring().authenticate(BEARER), Caller) is opens


async def test_many_strangers_cost_two_reads() -> None:
    """One reading is under way at a time; whoever comes meanwhile shares the next."""
    source = Source()
    source.answering.clear()
    ring = source.ring()
    first = asyncio.create_task(ring.authenticate(BEARER))
    await _settle()
    strangers = [asyncio.create_task(ring.authenticate(f"Bearer hf_{n:016x}_{SECRET}")) for n in range(500)]
    again = asyncio.create_task(ring.authenticate(BEARER))
    await _settle()
    source.answering.set()
    assert isinstance(await first, Caller)
    assert set(await asyncio.gather(*strangers)) == {_refused(Reason.UNAUTHENTICATED)}
    assert isinstance(await again, Caller)
    assert [len(asked) for asked in source.asked] == [1, 501]


async def test_more_strangers_than_may_wait_are_turned_away() -> None:
    source = Source()
    source.answering.clear()
    ring = source.ring()
    first = asyncio.create_task(ring.authenticate(BEARER))
    await _settle()
    asking = [
        asyncio.create_task(ring.authenticate(f"Bearer hf_{n:016x}_{SECRET}")) for n in range(auth.MAX_WANTED + 5)
    ]
    await _settle()
    assert [task.result() for task in asking if task.done()] == [_refused(Reason.OVERLOADED)] * 5
    source.answering.set()
    await asyncio.gather(first, *asking)


async def test_an_unknown_key_is_remembered_for_a_while_and_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MAX_UNKNOWN_KEPT", 3)
    source = Source()
    ring = source.ring()
    for number in (1, 1, 2, 3, 3, 4, 4, 1):
        await ring.authenticate(f"Bearer hf_{number:016x}_{SECRET}")
    assert len(source.asked) == 5
    source.now_s += auth.UNKNOWN_KEPT_S
    await ring.authenticate(f"Bearer hf_{4:016x}_{SECRET}")
    assert len(source.asked) == 6


async def test_a_caller_that_goes_away_does_not_disturb_the_others() -> None:
    source = Source()
    source.answering.clear()
    ring = source.ring()
    leaving, staying = (asyncio.create_task(ring.authenticate(BEARER)) for _ in range(2))
    await _settle()
    leaving.cancel()
    await _settle()
    source.answering.set()
    assert isinstance(await staying, Caller)


async def test_keys_are_made_and_found_in_postgres(database_url: str) -> None:
    """Only the hash is stored; a second ring over a connection of its own finds the key."""
    connection = await connect(database_url, application_name="tests")
    key = await create_key(connection, "alpha", "for the box office")
    short = await create_key(connection, "beta", "", int(time() * 1000) - 1)
    operators = await create_key(connection, "beta", "", operator=True)
    row = await connection.fetchrow("select * from api_keys where tenant = 'alpha'")
    await connection.close()
    assert key.rpartition("_")[2].encode() not in bytes(row["secret_hash"])
    assert row["name"] == "for the box office"
    source = PostgresKeySource(database_url)
    ring = KeyRing(source)
    assert await ring.authenticate(f"Bearer {key}") == Caller("alpha", "alpha")  # type: ignore[arg-type]
    assert await ring.authenticate(f"bearer  {key}") == Caller("alpha", "alpha")  # type: ignore[arg-type]
    assert await ring.authenticate(f"Bearer {short}") == _refused(Reason.UNAUTHENTICATED)
    assert await ring.authenticate(f"Bearer {operators}") == Operator("beta", "beta")  # type: ignore[arg-type]
    await source.close()


async def test_a_cut_connection_is_made_anew(database_url: str) -> None:
    source = PostgresKeySource(database_url)
    await source.find(["x"])
    connection = await connect(database_url, application_name="tests")
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'holdfast-keys'"
    )
    await connection.close()
    for _ in range(2):
        try:
            found = await source.find(["x"])
            break
        except LineUnavailable:
            continue
    assert found == []
    await source.close()


@pytest.mark.parametrize("tenant", ["", "Alpha", "a b", "-a", "a" * 64, "a\0b"])
async def test_a_tenant_has_a_plain_name(tenant: str) -> None:
    with pytest.raises(ValueError, match="cannot be a tenant"):
        await create_key(None, tenant, "")
