"""A subscription after a failover: the new primary lacks what it was behind, and its clock may be behind too."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from redis.asyncio import Redis

from qontract.adapters.redis import RedisEventLog
from qontract.adapters.redis.stream.read_ahead import ReadAheadCache
from qontract.application.ports.event_log import Entry, LeaseLostError, LogWentBackError, PlaceLostError
from tests.chaos.proxy import Proxy
from tests.support.failover import Pair, at, behind_a_name, offset
from tests.support.redis_event_log import KEYS, LONG, a_log, append, contents, opened, read
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

AHEAD_MS = 60_000
"""How far the clock of the old primary is ahead."""


class Failover(NamedTuple):
    """Servers behind a name, and a client that asks where the name leads to."""

    servers: Pair
    name: Proxy
    client: Redis

    def promote(self) -> None:
        """Make the replica, which has everything, a primary; the name still leads to the old one, which goes on."""
        with at(self.servers.primary) as old, at(self.servers.replica) as new:
            until(lambda: offset(old) == offset(new))
            new.replicaof("NO", "ONE")

    async def move(self) -> None:
        """Let the name lead to the new primary; the client has no connection left to the old one."""
        self.name.move(self.servers.replica)
        await self.client.connection_pool.disconnect()

    async def append_ahead(self, *contents: bytes) -> None:
        """Keep events where the name leads to, with the ids that a clock makes which is ahead."""
        seconds, _ = await self.client.time()
        for number, content in enumerate(contents):
            entry_id = f"{seconds * 1000 + AHEAD_MS + number}-0"
            await self.client.xadd(KEYS.stream, {"__data__": content, "__type__": "a.b"}, id=entry_id)


@pytest.fixture
async def failover() -> AsyncIterator[Failover]:
    with behind_a_name() as (servers, name):
        async with Redis.from_url(f"redis://127.0.0.1:{name.port}/0") as client:
            yield Failover(servers, name, client)


@pytest.fixture(params=[False, True], ids=["ordered", "shared"])
def shared(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def reopen(log: RedisEventLog, *, shared: bool) -> None:
    await log.open()
    if not shared:
        await log.claim_all()


async def rest(log: RedisEventLog, *, shared: bool = False) -> list[Entry]:
    """Return all that comes; the log is opened again as often as it says so."""
    found: list[Entry] = []
    for _ in range(5):
        try:
            while entries := await read(log):
                found += entries
        except PlaceLostError:
            await reopen(log, shared=shared)
        else:
            return found
    raise AssertionError("it says so for ever")


async def test_what_was_acknowledged_in_vain_comes_again_and_nothing_new_is_skipped(
    failover: Failover, shared: bool
) -> None:
    client = failover.client
    log = await opened(a_log(client, shared=shared))
    await append(client, b"a", b"b", b"c")
    a, b, c = await read(log)
    await log.acknowledge([a])
    failover.promote()
    await failover.append_ahead(b"lost-1", b"lost-2")
    lost = await read(log)
    assert contents(lost) == [b"lost-1", b"lost-2"]
    await log.acknowledge([b, c, *lost])
    await failover.move()
    await append(client, b"f", b"g")
    entries = await rest(log, shared=shared)
    assert contents(entries) == [b"b", b"c", b"f", b"g"]
    await log.acknowledge(entries)
    assert (await log.measures()).pending == 0


async def test_a_stream_that_went_back_is_noticed_once(failover: Failover, shared: bool) -> None:
    log = await opened(a_log(failover.client, shared=shared))
    await append(failover.client, b"a")
    await read(log)
    failover.promote()
    await failover.append_ahead(b"lost")
    await read(log)
    await failover.move()
    with pytest.raises(LogWentBackError, match="the stream went back"):
        await read(log)
    await reopen(log, shared=shared)
    assert contents(await rest(log, shared=shared)) == [b"a"]


async def test_another_server_that_has_everything_is_another_history_and_the_stream_did_not_go_back(
    failover: Failover, shared: bool
) -> None:
    log = await opened(a_log(failover.client, shared=shared))
    await append(failover.client, b"a")
    await read(log)
    failover.promote()
    await failover.move()
    with pytest.raises(PlaceLostError, match="another history") as raised:
        await read(log)
    assert not isinstance(raised.value, LogWentBackError)
    await reopen(log, shared=shared)
    assert contents(await rest(log, shared=shared)) == [b"a"]


async def test_subscriptions_that_are_behind_skip_nothing_that_is_where_lost_events_were(failover: Failover) -> None:
    client = failover.client
    read_ahead = ReadAheadCache(client, KEYS.stream)
    logs = [a_log(client, subscription=name, read_ahead=read_ahead) for name in ("one", "two", "three")]
    for log in logs:
        await log.open()
        await log.lead(LONG)
        await log.claim_all()
    await append(client, *(b"%d" % number for number in range(10)))
    for log in logs:
        assert len(await read(log, 10)) == 10
    failover.promote()
    await failover.append_ahead(*(b"lost-%d" % number for number in range(10)))
    assert len(await read(logs[0], 10)) == 10  # from now on both know the stream to the end that it has here
    await failover.move()
    new = [b"new-%d" % number for number in range(10)]
    await append(client, *new)
    for log in logs:
        came = contents(await rest(log))
        assert [content for content in came if content in new] == new


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
async def test_one_replica_leads_after_a_failover_whether_the_lease_was_kept_or_lost(
    failover: Failover, lost: bool
) -> None:
    one, two = (a_log(failover.client, replica) for replica in ("one", "two"))
    await one.open()
    if lost:
        failover.promote()
    assert await one.lead(LONG)
    if not lost:
        failover.promote()
    await failover.move()
    assert await two.lead(LONG) is lost
    assert await one.lead(LONG) is not lost
    with pytest.raises(LeaseLostError):
        await read(one if lost else two)
