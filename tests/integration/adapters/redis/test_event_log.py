"""The event log in a real Valkey: what every event log promises."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from redis.asyncio import Redis

from qontract.adapters.cloudevents import Event
from qontract.adapters.redis import RedisEventLog
from qontract.adapters.redis.stream.read_ahead import ReadAheadCache
from qontract.adapters.redis.stream.shared_waits import SharedWaits
from qontract.application.ports.dead_letters import DeadLetters
from qontract.application.ports.event_log import EventLog
from qontract.testing.contracts.event_log import EventLogContract
from qontract.testing.contracts.event_log_events import CLAIM_SECONDS, Events
from tests.support.redis_event_log import KEYS, dead_letters_at

TYPES = ("a.b", "x.y")


class RedisEvents(Events):
    def __init__(self, url: str, client: Redis, *, others_are_behind: bool) -> None:
        self._client = client
        self._shared_waits = SharedWaits(client, KEYS.stream)
        self._read_ahead = ReadAheadCache(client, KEYS.stream)
        if others_are_behind:
            self._read_ahead.behind["another"] = []
        self._dead_letters = dead_letters_at(url)

    @property
    def dead_letters(self) -> DeadLetters:
        return self._dead_letters

    def log(
        self, subscription: str, replica: str, *, shared: bool, wants: Callable[[str], bool] | None = None
    ) -> EventLog:
        return RedisEventLog(
            self._client,
            KEYS,
            subscription=subscription,
            replica=replica,
            types=[type_ for type_ in TYPES if wants(type_)] if wants else ["*"],
            shared=shared,
            claim_seconds=CLAIM_SECONDS,
            shared_waits=self._shared_waits,
            read_ahead=self._read_ahead,
        )

    async def append(self, *contents: bytes) -> None:
        for content in contents:
            fields: dict[Any, Any] = {"__data__": content}
            with suppress(ValueError):
                fields["__type__"] = Event.from_json(content).type
            await self._client.xadd(KEYS.stream, fields)

    async def remove(self, content: bytes) -> None:
        entries: Any = await self._client.xrange(KEYS.stream)
        [found] = [entry_id for entry_id, fields in entries if fields[b"__data__"] == content]
        await self._client.xdel(KEYS.stream, found)

    async def fork(self) -> Callable[[], Awaitable[None]]:
        kept = {key: await self._client.dump(key) for key in await self._client.keys()}

        async def go_back() -> None:
            for key, value in kept.items():
                await self._client.restore(key, 0, value or b"", replace=True)
            await self._client.replicaof("127.0.0.1", "1")  # a replica that is promoted begins another history
            await self._client.replicaof("NO", "ONE")

        return go_back

    async def lose(self, subscription: str) -> None:
        await self._client.xgroup_destroy(KEYS.stream, subscription)


class TestRedisEventLog(EventLogContract):
    @pytest.fixture(params=[False, True], ids=["alone", "others are behind"])
    async def events(self, valkey_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Events]:
        async with Redis.from_url(valkey_url) as client:
            yield RedisEvents(valkey_url, client, others_are_behind=request.param)
