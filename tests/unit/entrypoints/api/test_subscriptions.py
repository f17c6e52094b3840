"""Subscriptions over HTTP, with adapters in memory."""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from qontract.adapters.memory import InMemoryEventLog, InMemoryEventStore, InMemorySubscriptions
from qontract.application.control.subscriptions import SubscriptionControl
from qontract.application.ports.subscriptions import SubscriptionsError
from qontract.entrypoints.api.auth import claims_dependency
from qontract.entrypoints.api.subscriptions import router
from qontract.entrypoints.settings.groups import AuthSettings
from tests.contracts.kept_events import NOON
from tests.support.api_in_memory import SECRET
from tests.unit.entrypoints.api.conftest import bearer
from tests.unit.entrypoints.api.test_events import an_app

PATH = "/api/v1/subscriptions"
READS, ADMINISTERS = bearer("events:read"), bearer("events:admin", subject="alice")

pytestmark = pytest.mark.anyio


@dataclass
class Site:
    client: httpx.AsyncClient
    events: InMemoryEventStore
    subscriptions: InMemorySubscriptions
    log: InMemoryEventLog

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.client.post(f"{PATH}{path}", json=body, headers=ADMINISTERS)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Three events, of which the subscription `crm` has read two, and acknowledged one; a replica runs it."""
    events = InMemoryEventStore()
    subscriptions = InMemorySubscriptions(events, began=NOON)
    events.append(b"1", b"2", b"3")
    log = InMemoryEventLog(events, "crm")
    await log.open()
    first, _ = await log.read(2, 1000, 0)
    await log.acknowledge([first])
    app = an_app()
    claims_of = claims_dependency(AuthSettings.model_validate({"secret": SECRET}))
    app.include_router(router(SubscriptionControl(subscriptions, abandoned_seconds=1000), claims_of))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        yield Site(client, events, subscriptions, log)


async def test_each_subscription_is_listed_and_shown_with_its_state_and_numbers(site: Site) -> None:
    listed = (await site.client.get(PATH, headers=READS)).json()
    [crm] = listed["subscriptions"]
    assert crm == (await site.client.get(f"{PATH}/crm", headers=READS)).json()
    numbers = {name: crm[name] for name in ("lag", "pending", "in_flight", "failing", "dead_letters", "position")}
    assert numbers == {"lag": 1, "pending": 1, "in_flight": 1, "failing": 0, "dead_letters": 0, "position": "2"}
    assert (crm["state"], crm["next"], crm["paused"]) == ("running", None, None)
    assert [replica["name"] for replica in crm["replicas"]] == ["one"]


async def test_a_pause_says_who_made_it_and_a_resume_ends_it(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "qontract"):
        paused = await site.post("/crm/pause")
        assert (paused["state"], paused["paused"]["by"]) == ("paused", "alice")
        assert paused["next"] == "qontract subscriptions resume crm"
        assert await site.log.paused()
        assert (await site.post("/crm/resume"))["paused"] is None
    told = [(record.message, record.by) for record in caplog.records if hasattr(record, "by")]
    assert told == [("subscription paused", "alice"), ("subscription resumed", "alice")]


async def test_a_seek_is_a_dry_run_unless_it_says_otherwise(site: Site) -> None:
    await site.post("/crm/pause")
    foretold = {"name": "crm", "moved": False, "position": "3", "again": 0, "skipped": 2, "more": False}
    assert await site.post("/crm/seek", {"to": "end"}) == foretold
    assert (await site.client.get(f"{PATH}/crm", headers=READS)).json()["position"] == "2"
    assert await site.post("/crm/seek", {"to": "end", "dry_run": False}) == foretold | {"moved": True}
    assert (await site.client.get(f"{PATH}/crm", headers=READS)).json()["position"] == "3"


async def test_a_seek_takes_a_time(site: Site) -> None:
    assert (await site.post("/crm/seek", {"to": "2026-01-31T12:00:00Z"}))["again"] == 2
    assert (await site.post("/crm/seek", {"to": "1s"}))["skipped"] == 2


async def test_what_a_replica_runs_is_neither_moved_nor_removed(site: Site) -> None:
    refused = await site.post("/crm/seek", {"to": "end", "dry_run": False}, status=409)
    assert refused["detail"] == "Refused: a replica runs it; pause it first."
    await site.post("/crm/remove", {"dry_run": False}, status=409)
    assert (await site.post("/crm/seek", {"to": "end"}))["refused"] == "a replica runs it; pause it first"
    assert (await site.post("/crm/remove", {}))["refused"].startswith("a replica runs it; stop its replicas")
    assert site.subscriptions.get("crm")


async def test_a_removal_is_a_dry_run_unless_it_says_otherwise(site: Site) -> None:
    site.events.of("crm").place.replicas.clear()  # type: ignore[union-attr] # it has one
    foretold = await site.post("/crm/remove", {})
    assert (foretold["removed"], foretold["was"]["lag"]) == (False, 1)
    assert site.subscriptions.get("crm")
    assert (await site.post("/crm/remove", {"dry_run": False}))["removed"]
    assert site.subscriptions.get("crm") is None


@pytest.mark.parametrize(
    ("path", "body"),
    [("/nope/pause", None), ("/nope/resume", None), ("/nope/seek", {"to": "end"}), ("/nope/remove", {})],
)
async def test_a_name_that_is_none_is_404(site: Site, path: str, body: Any) -> None:
    await site.post(path, body, status=404)
    assert (await site.client.get(f"{PATH}/nope", headers=READS)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [{}, {"to": ""}, {"to": "yesterday"}, {"to": 7}, {"to": "end", "dryrun": False}, {"to": "end", "dry_run": "no?"}],
)
async def test_a_seek_that_cannot_be_understood_is_422_and_moves_nothing(site: Site, body: Any) -> None:
    site.subscriptions.pause("crm", "me")
    await site.post("/crm/seek", body, status=422)
    view = site.subscriptions.get("crm")
    assert view
    assert view.position == "2"


@pytest.mark.parametrize("path", ["pause", "resume", "seek", "remove"])
async def test_control_needs_the_scope_events_admin(site: Site, path: str) -> None:
    body = {"to": "end", "dry_run": False} if path == "seek" else {"dry_run": False}
    for headers, status in (({}, 401), (READS, 403), (bearer("reconcile:apply"), 403)):
        answer = await site.client.post(f"{PATH}/crm/{path}", json=body, headers=headers)
        assert answer.status_code == status
    view = site.subscriptions.get("crm")
    assert view
    assert (view.paused, view.position) == (None, "2")


@pytest.mark.parametrize("path", ["", "/crm"])
async def test_looking_needs_the_scope_events_read_or_events_admin(site: Site, path: str) -> None:
    for headers, status in (({}, 401), (bearer("reconcile:apply"), 403), (READS, 200), (ADMINISTERS, 200)):
        assert (await site.client.get(f"{PATH}{path}", headers=headers)).status_code == status


@pytest.mark.parametrize(("path", "method"), [("", "all"), ("/crm", "get")])
async def test_a_store_that_is_away_is_503(site: Site, path: str, method: str) -> None:
    site.subscriptions.fail(method, SubscriptionsError("away"))
    answer = await site.client.get(f"{PATH}{path}", headers=READS)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
