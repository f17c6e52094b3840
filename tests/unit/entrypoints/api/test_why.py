"""EventExplanations an event was delivered, or not, over HTTP, with adapters in memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from qontract.adapters.memory import (
    InMemoryDeadLetters,
    InMemoryDeliveryStates,
    InMemoryEventLog,
    InMemoryEventStore,
    InMemoryKeptEvents,
    InMemorySubscriptions,
)
from qontract.application.inspection.event_explanations import EventExplanations, Stores
from qontract.application.inspection.explanations import Explanations
from qontract.application.ports.kept_events import KeptEventsError
from qontract.entrypoints.api.auth import claims_dependency
from qontract.entrypoints.api.why import PREFIX, router
from qontract.entrypoints.settings.groups import AuthSettings
from tests.support.api_in_memory import SECRET
from tests.support.delivering import FORMAT, an_event, publish
from tests.unit.entrypoints.api.conftest import bearer
from tests.unit.entrypoints.api.test_events import an_app

READS = bearer("events:read")

pytestmark = pytest.mark.anyio


@dataclass
class Site:
    client: httpx.AsyncClient
    kept: InMemoryKeptEvents
    event_id: str


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """One event, which the subscription `crm` has read."""
    events, event = InMemoryEventStore(), an_event(1)
    publish(events, event)
    log = InMemoryEventLog(events, "crm")
    await log.open()
    await log.read(1, 1000, 0)
    kept = InMemoryKeptEvents(events)
    states, letters = InMemoryDeliveryStates(events), InMemoryDeadLetters(events=events)
    why = EventExplanations(Stores(kept, InMemorySubscriptions(events), states, letters, FORMAT))
    app = an_app()
    app.include_router(router(Explanations(why), claims_dependency(AuthSettings.model_validate({"secret": SECRET}))))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        yield Site(client, kept, event.id)


async def test_an_event_is_found_by_its_id_and_each_subscription_has_a_verdict(site: Site) -> None:
    for name in ("1", site.event_id):
        answer = await site.client.get(f"{PREFIX}/{name}", headers=READS)
        assert answer.status_code == 200
        found = answer.json()
        assert (found["status"], found["entry"], found["event"]["event"]["id"]) == ("published", "1", site.event_id)
        [crm] = found["subscriptions"]
        assert (crm["name"], crm["verdict"], crm["details"]["replica"]) == ("crm", "in-flight", "one")


async def test_an_event_that_nobody_knows_is_404_and_a_store_that_is_away_503(site: Site) -> None:
    assert (await site.client.get(f"{PREFIX}/a/b", headers=READS)).status_code == 404
    assert (await site.client.get(f"{PREFIX}/{site.event_id}?source=other", headers=READS)).status_code == 404
    site.kept.fail("get", KeptEventsError("Redis did not answer"))
    answer = await site.client.get(f"{PREFIX}/1", headers=READS)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_it_wants_a_token_with_the_scope_to_read_events(site: Site) -> None:
    assert (await site.client.get(f"{PREFIX}/1")).status_code == 401
    assert (await site.client.get(f"{PREFIX}/1", headers=bearer("reconcile:apply"))).status_code == 403
