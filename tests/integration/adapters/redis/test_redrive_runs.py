"""The runs in which dead letters are redriven, in a real Valkey."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from qontract.adapters.redis import RedisRedriveRuns
from qontract.application.ports.dead_letters import DeadLettersError
from qontract.testing.contracts.event_log_events import Events
from tests.contracts.redrive_runs import GROUP, NAME, RedriveRunsContract
from tests.integration.adapters.redis.test_event_log import RedisEvents
from tests.support.hostile import ODD_BYTES, odd_objects
from tests.support.processes import free_port
from tests.support.redis_event_log import KEYS

RUN = {"id": "7", "subscription": NAME, "newest": "1-1", "by": "alice", "position": "0-0"}


def runs_at(url: str) -> RedisRedriveRuns:
    return RedisRedriveRuns(url, channel="main", stream=KEYS.stream)


class TestRedisRedriveRuns(RedriveRunsContract):
    @pytest.fixture
    async def events(self, valkey_url: str) -> AsyncIterator[Events]:
        async with Redis.from_url(valkey_url) as client:
            yield RedisEvents(valkey_url, client, others_are_behind=False)

    @pytest.fixture
    def runs(self, valkey_url: str) -> RedisRedriveRuns:
        return runs_at(valkey_url)


@pytest.mark.anyio
async def test_a_record_of_a_run_that_is_none_of_ours_counts_as_none_or_can_be_used(valkey_url: str) -> None:
    runs = runs_at(valkey_url)
    async with Redis.from_url(valkey_url) as client:
        for name, record in [*ODD_BYTES.items(), *odd_objects(RUN)]:
            await client.hset(KEYS.redrive_runs, GROUP, record)
            run = runs.begin(GROUP, NAME, "bob")
            assert run.subscription == NAME, name
            assert runs.unacknowledged(run).waiting == 0, name
            runs.end(run)


def test_a_redis_that_is_away_is_one_error_without_the_password() -> None:
    runs = runs_at(f"redis://:hush@127.0.0.1:{free_port()}/0")
    with pytest.raises(DeadLettersError, match="ConnectionError") as raised:
        runs.begin(GROUP, NAME, "alice")
    assert "hush" not in str(raised.value)
