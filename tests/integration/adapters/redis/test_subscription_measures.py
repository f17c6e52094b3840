"""What the API tells of the subscriptions, while no subscriber runs."""

from collections.abc import AsyncIterator

import httpx
import pytest
from dependency_injector import providers
from pydantic import SecretStr

from qontract.adapters.memory import InMemoryJobQueue
from qontract.application.delivery.counts import DeliveryCount
from qontract.application.ports.event_handler import Policy
from qontract.entrypoints.api import create_app
from qontract.entrypoints.container import Container
from qontract.entrypoints.settings import Settings
from qontract.entrypoints.settings.groups import AuthSettings
from tests.support.delivering import Handler, an_event, failing
from tests.support.processes import free_port
from tests.support.redis_delivery import STREAM, ask, pending, publish, replica
from tests.support.subscriber_process import samples
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

NAMES = ("events_lag", "events_pending", "dead_letters", "subscription_replicas")


def client_of_api(redis_url: str) -> httpx.AsyncClient:
    container = Container()
    settings = Settings(
        cache_broker_url=SecretStr(redis_url), auth=AuthSettings(secret=SecretStr("a-secret-of-at-least-32-bytes-here"))
    )
    container.settings.override(providers.Object(settings))
    container.job_queue.override(providers.Object(InMemoryJobQueue({})))
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(container)), base_url="http://api")


@pytest.fixture
async def api(valkey_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of_api(valkey_url) as client:
        yield client


async def shown(api: httpx.AsyncClient) -> dict[tuple[str, str], float]:
    return samples((await api.get("/metrics")).raise_for_status().text)


async def test_the_api_tells_how_far_every_subscription_has_come_also_while_no_subscriber_runs(
    api: httpx.AsyncClient, valkey_url: str
) -> None:
    publish(valkey_url, *map(an_event, range(3)))
    ask(valkey_url, "XGROUP", "CREATE", STREAM, "never-run", "0")
    handler = Handler(Policy(max_attempts=1), failing(RuntimeError("never"), 1))
    async with replica(valkey_url, {"ran": handler}) as one:
        await eventually(lambda: one.counts[DeliveryCount.DEAD_LETTERED] == 1 and handler.handled == [0, 2])
        await eventually(lambda: pending(valkey_url, "ran") == 0)
        assert [(await shown(api))[f"qontract_{name}", "ran"] for name in NAMES] == [0, 0, 1, 1]
        await one.stop()
    publish(valkey_url, an_event(3), an_event(4))
    ask(valkey_url, "XREADGROUP", "GROUP", "ran", "dead", "COUNT", 1, "STREAMS", STREAM, ">")
    page = await shown(api)
    assert [page[f"qontract_{name}", "ran"] for name in NAMES] == [1, 1, 1, 1]
    assert [page[f"qontract_{name}", "never-run"] for name in NAMES] == [5, 0, 0, 0]
    assert 0 <= page["qontract_events_oldest_seconds", "ran"] <= page["qontract_events_oldest_seconds", "never-run"]
    ask(valkey_url, "XGROUP", "DESTROY", STREAM, "ran")
    assert ("qontract_events_lag", "ran") not in await shown(api)


async def test_before_the_first_event_there_is_nothing_to_tell(api: httpx.AsyncClient) -> None:
    assert not any(name == "qontract_events_lag" for name, _ in await shown(api))


async def test_while_redis_is_away_the_rest_of_the_page_is_there() -> None:
    async with client_of_api(f"redis://127.0.0.1:{free_port()}/0") as api:
        assert (await api.get("/health/live")).is_success
        page = await shown(api)
    assert any(name == "qontract_http_requests_total" for name, _ in page)
    assert not any(name == "qontract_events_lag" for name, _ in page)
