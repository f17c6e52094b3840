"""The primary becomes another, and connections to the old one stay open: everything goes on within seconds."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
import redis

from qontract.adapters.cloudevents import Event
from qontract.adapters.redis import RedisBroker, RedisServerCheck, RedisServerInfo
from qontract.adapters.redis.acl import AclUser
from qontract.adapters.redis.faststream import faststream_broker
from tests.chaos.proxy import Proxy
from tests.support.api_process import DESIRED, PATH, SECRET, running_api
from tests.support.failover import NAME, Pair, at, behind_a_name, hung, pair, sentinel, sentinel_says
from tests.support.subscriber_process import Site
from tests.support.waiting import until
from tests.support.worker_process import Worker, submitted

STREAM = "qontract:{main}:events"
NAMES: Any = {"channel": "main", "stream": STREAM}
SECONDS = 15
HUNG_SECONDS = 50  # each connection to it is left after 5 to 13 seconds, some after others


@pytest.fixture
def moving() -> Iterator[tuple[Pair, Proxy, str]]:
    """Servers, the name of the primary, and its URL."""
    with behind_a_name() as (servers, name):
        yield servers, name, f"redis://127.0.0.1:{name.port}/0"


def move(servers: Pair, name: Proxy) -> None:
    servers.fail_over()
    name.move(servers.primary)


def publish(broker: RedisBroker, subject: str) -> None:
    broker.publish(Event(source="test", type="com.example.happened", subject=subject, data={}), **NAMES)


def test_a_producer_and_the_queue_go_on_with_the_first_try(moving: tuple[Pair, Proxy, str]) -> None:
    servers, name, url = moving
    with RedisBroker(url, pause=60) as broker:
        publish(broker, "before")
        queue, _ = submitted(url)
        move(servers, name)
        publish(broker, "after")
        queue.submit(submitted(url)[1])
        with at(servers.primary) as client:
            assert client.xlen(STREAM) == 2


def test_what_looks_at_the_server_sees_a_replica_once(moving: tuple[Pair, Proxy, str]) -> None:
    servers, name, url = moving
    check, server = RedisServerCheck(url, AclUser.API, **NAMES, writes=True), RedisServerInfo(url)
    assert (check.state().failing, server.read().primary) == ("", True)
    move(servers, name)
    assert check.state().failing == "Redis is a replica, and takes no writes"
    assert not server.read().primary
    assert (check.state().failing, server.read().primary) == ("", True)


@pytest.mark.anyio
async def test_a_client_of_an_event_loop_goes_on_with_the_first_try(moving: tuple[Pair, Proxy, str]) -> None:
    servers, name, url = moving
    async with faststream_broker(url) as broker:
        client = await broker.connect()
        await client.set("key", "before")
        move(servers, name)
        await client.set("key", "after")
    with at(servers.primary) as new:
        assert new.get("key") == b"after"


def _accepted(job: httpx.Response) -> list[httpx.Response]:
    return [job] if job.status_code == httpx.codes.ACCEPTED else []


def _published(broker: RedisBroker, subject: str) -> bool:
    try:
        publish(broker, subject)
    except redis.RedisError:
        return False
    return True


@contextmanager
def running(url: str, directory: Path) -> Iterator[Callable[..., None]]:
    """Run the three processes; give what does a job through them, and an event, and waits for their ends."""
    site = Site(directory, {"QAPI_CACHE_BROKER_URL": url})
    site.install("acme", ordered="tests.support.troublesome:Ordered")
    worker = Worker(url, directory, QAPI_AUTH__SECRET=SECRET)
    with ExitStack() as stack:
        broker = stack.enter_context(RedisBroker(url))
        worker_process = stack.enter_context(worker.running(log=directory / "worker.log"))
        subscriber = stack.enter_context(site.subscriber())
        api, _ = stack.enter_context(running_api(url, directory / "api.log"))

        def done(subject: str, seconds: float = SECONDS) -> None:
            [job] = until(lambda: _accepted(api.post(PATH, json=DESIRED)), seconds)
            until(lambda: _published(broker, subject), seconds)
            until(lambda: api.get(job.headers["location"]).json()["status"] == "failed", seconds)  # there is no token
            until(lambda: f"{subject} 1" in site.notes(), seconds)
            assert worker_process.poll() is None
            until(lambda: subscriber.ready()[0] == httpx.codes.OK, seconds)

        yield done


@pytest.mark.timeout(90)
def test_all_processes_go_on_when_a_name_moves_and_nobody_cuts_their_connections(
    moving: tuple[Pair, Proxy, str], tmp_path: Path
) -> None:
    servers, name, url = moving
    with running(url, tmp_path) as done:
        done("before")
        move(servers, name)
        begun = monotonic()
        done("after")
        assert monotonic() - begun < SECONDS


@pytest.mark.timeout(150)
def test_all_processes_go_on_when_a_name_moves_from_a_server_that_hangs_and_answers_nobody(
    moving: tuple[Pair, Proxy, str], tmp_path: Path
) -> None:
    servers, name, url = moving
    with running(url, tmp_path) as done:
        done("before")
        with at(servers.replica) as new, hung(servers.first):
            new.replicaof("NO", "ONE")
            name.move(servers.replica)
            done("after", HUNG_SECONDS)


@pytest.mark.timeout(90)
def test_all_processes_go_on_when_sentinel_makes_another_server_the_primary(tmp_path: Path) -> None:
    with pair() as servers, sentinel(servers.primary, tmp_path) as port:
        until(lambda: sentinel_says(port) == (servers.primary, 1))
        with running(f"redis+sentinel://127.0.0.1:1,127.0.0.1:{port}/{NAME}/0", tmp_path) as done:
            done("before")
            with at(port) as client:
                client.execute_command("SENTINEL", "FAILOVER", NAME)
            until(lambda: sentinel_says(port)[0] == servers.replica)
            begun = monotonic()
            done("after")
            assert monotonic() - begun < SECONDS
