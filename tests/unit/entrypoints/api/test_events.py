"""Events over HTTP, with adapters in memory."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from threading import Event
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from qontract.adapters.cloudevents import CloudEventsEventFormat
from qontract.adapters.memory import InMemoryEventPublisher, InMemoryEventSpool, InMemoryEventStore, InMemoryKeptEvents
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.event_spool import EventSpoolError
from qontract.application.ports.kept_events import KeptEventsError
from qontract.entrypoints.api.auth import claims_dependency
from qontract.entrypoints.api.events import router
from qontract.entrypoints.api.problems import add_problems
from qontract.entrypoints.settings.groups import AuthSettings
from tests.contracts.kept_events import NOON
from tests.support.api_in_memory import SECRET
from tests.unit.entrypoints.api.conftest import bearer

PATH = "/api/v1/events"
READS, ADMINISTERS = bearer("events:read", subject="alice"), bearer("events:admin", subject="alice")
CLOUDEVENT = {"specversion": "1.0", "id": "7", "type": "a.b", "source": "/x", "subject": "db-1", "data": {"n": 1}}


@dataclass
class Site:
    app: FastAPI
    client: httpx.AsyncClient
    events: InMemoryEventStore
    kept: InMemoryKeptEvents
    publisher: InMemoryEventPublisher
    spool: InMemoryEventSpool

    def keep(self, *events: dict[str, Any] | bytes) -> None:
        self.events.append(*(event if isinstance(event, bytes) else json.dumps(event).encode() for event in events))

    async def get(self, path: str = "", **parameters: Any) -> Any:
        answer = await self.client.get(f"{PATH}{path}", params=parameters, headers=READS)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    events, event_format = InMemoryEventStore(), CloudEventsEventFormat("qontract-api")
    kept = InMemoryKeptEvents(events, began=NOON)
    publisher, spool = InMemoryEventPublisher(log=events, encode=event_format.encode), InMemoryEventSpool()
    app = an_app()
    claims_of = claims_dependency(AuthSettings.model_validate({"secret": SECRET}))
    app.include_router(router(kept, EventManager(publisher, spool=spool), event_format, claims_of))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        yield Site(app, client, events, kept, publisher, spool)


def an_app() -> FastAPI:
    app = FastAPI()
    app.state.stopping = Event()
    add_problems(app)
    return app


pytestmark = pytest.mark.anyio


async def test_events_are_found_newest_first_with_all_that_they_have(site: Site) -> None:
    site.keep({"type": "a.b", "id": "1"}, b"\xff")
    assert await site.get() == {
        "events": [
            {"entry": "2", "kept": "2026-01-31T12:00:00.000+00:00", "content": "\\xff"},
            {"entry": "1", "kept": "2026-01-31T12:00:00.000+00:00", "event": {"type": "a.b", "id": "1"}},
        ],
        "scanned": 2,
        "next": None,
    }


async def test_filters_and_the_order_are_parameters(site: Site) -> None:
    site.keep(CLOUDEVENT, CLOUDEVENT | {"type": "x.y", "authid": "bob"}, CLOUDEVENT | {"source": "/y", "id": "8"})
    for parameters, entries in (
        ({"type": "a.*"}, "31"),
        ({"type": ["a.*", "x.y"], "order": "oldest"}, "123"),
        ({"source": "/y"}, "3"),
        ({"who": "bob"}, "2"),
        ({"id": "7"}, "21"),
        ({"subject": "db-2"}, ""),
        ({"since": "2026-01-31T12:01:00Z"}, ""),
        ({"until": "2026-01-31T12:01:00Z"}, "321"),
    ):
        found = await site.get(**parameters)
        assert [event["entry"] for event in found["events"]] == list(entries), parameters


async def test_a_page_says_where_the_next_one_begins(site: Site) -> None:
    site.keep(*(CLOUDEVENT for _ in range(5)))
    first = await site.get(limit=2)
    second = await site.get(limit=2, after=first["next"])
    last = await site.get(limit=2, after=second["next"])
    entries = [event["entry"] for page in (first, second, last) for event in page["events"]]
    assert (entries, last["next"]) == (["5", "4", "3", "2", "1"], None)


async def test_half_a_character_does_no_harm(site: Site) -> None:
    site.keep(b'{"subject": "\\ud800"}')
    assert (await site.get())["events"][0]["event"] == {"subject": "\ud800"}


@pytest.mark.parametrize(
    "parameters",
    [{"since": "yesterday"}, {"until": "x"}, {"after": "x"}, {"limit": 0}, {"limit": 1001}, {"order": "any"}],
)
async def test_what_cannot_be_asked_for_is_422(site: Site, parameters: dict[str, Any]) -> None:
    answer = await site.client.get(PATH, params=parameters, headers=READS)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_one_event_is_found_by_its_entry_or_its_id(site: Site) -> None:
    site.keep(CLOUDEVENT | {"id": "a/b"}, CLOUDEVENT)
    assert (await site.get("/1"))["event"]["id"] == "a/b"
    assert (await site.get("/a/b"))["entry"] == "1"
    assert (await site.get("/7", source="/x"))["entry"] == "2"
    answer = await site.client.get(f"{PATH}/7", params={"source": "/y"}, headers=READS)
    assert answer.status_code == 404


async def test_the_types_that_have_a_class_are_listed(site: Site) -> None:
    types = {kind["type"]: kind for kind in (await site.get("/types"))["types"]}
    created = types["qontract-api.slack-usergroups.create"]
    assert created["event_class"] == "qontract.domain.slack_usergroups.UsergroupCreated"
    assert created["package"].startswith("qontract ")
    assert created["about"].endswith(".")


async def test_the_tail_sends_what_comes_after_an_entry_with_the_entries_as_ids(site: Site) -> None:
    site.keep(CLOUDEVENT, CLOUDEVENT | {"type": "x.y"}, *(CLOUDEVENT for _ in range(40)))
    site.app.state.stopping.set()
    pages = []
    last: dict[str, str] = {"after": "1"}
    headers: dict[str, str] = READS
    for _ in range(4):
        answer = await site.client.get(f"{PATH}/tail", params=last | {"type": "a.b"}, headers=headers)
        assert answer.headers["content-type"].startswith("text/event-stream")
        messages = [message.split("\n") for message in answer.text.split("\n\n") if message]
        pages += [message[0].removeprefix("id: ") for message in messages]
        assert all(json.loads(message[1].removeprefix("data: "))["event"]["type"] == "a.b" for message in messages)
        if messages:
            headers = READS | {"last-event-id": pages[-1]}
    assert pages == [str(number) for number in range(3, 43)]


async def test_the_tail_begins_with_what_comes_now_or_with_what_was_kept_since(site: Site) -> None:
    site.keep(CLOUDEVENT)
    site.app.state.stopping.set()
    assert (await site.client.get(f"{PATH}/tail", headers=READS)).text == ""
    answer = await site.client.get(f"{PATH}/tail", params={"since": "2026-01-31T12:00:00Z"}, headers=READS)
    assert answer.text.startswith("id: 1\n")


async def test_the_tail_refuses_at_once_where_nobody_can_go_on(site: Site) -> None:
    assert (await site.client.get(f"{PATH}/tail", params={"after": "x"}, headers=READS)).status_code == 422


async def test_an_event_is_published_and_says_who_did_it(site: Site) -> None:
    headers = ADMINISTERS | {"content-type": "application/cloudevents+json; charset=utf-8"}
    answer = await site.client.post(PATH, content=json.dumps(CLOUDEVENT), headers=headers)
    assert answer.status_code == 202
    assert answer.json() == {"id": "7", "source": "/x", "type": "a.b", "status": "published"}
    [event] = site.publisher.events
    assert event.extensions["authid"] == "alice"
    assert (await site.get("/7"))["event"]["authid"] == "alice"


async def test_an_event_that_is_spooled_is_accepted_and_one_that_is_lost_is_not(site: Site) -> None:
    site.publisher.fail("publish", EventPublisherError("away"), times=9)
    answer = await site.client.post(PATH, json=CLOUDEVENT, headers=ADMINISTERS)
    assert (answer.status_code, answer.json()["status"]) == (202, "spooled")
    site.spool.fail("append", EventSpoolError("full"))
    answer = await site.client.post(PATH, json=CLOUDEVENT, headers=ADMINISTERS)
    assert answer.status_code == 503


@pytest.mark.parametrize("content", ["", "[]", "{}", "{", json.dumps(CLOUDEVENT | {"type": ""})])
async def test_what_is_no_cloudevent_is_422_with_the_reason(site: Site, content: str) -> None:
    headers = ADMINISTERS | {"content-type": "application/json"}
    answer = await site.client.post(PATH, content=content, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("not a CloudEvent: ")
    assert site.publisher.events == []


async def test_another_media_type_is_415(site: Site) -> None:
    answer = await site.client.post(PATH, content="{}", headers=ADMINISTERS | {"content-type": "text/plain"})
    assert answer.status_code == 415


async def test_where_events_are_disabled_none_is_published(site: Site) -> None:
    app = an_app()
    claims_of = claims_dependency(AuthSettings.model_validate({"secret": SECRET}))
    app.include_router(router(site.kept, None, CloudEventsEventFormat("x"), claims_of))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        assert (await client.post(PATH, json=CLOUDEVENT, headers=ADMINISTERS)).status_code == 503


@pytest.mark.parametrize("path", ["", "/7", "/types", "/tail"])
async def test_reading_needs_the_scope_events_read_or_events_admin(site: Site, path: str) -> None:
    site.app.state.stopping.set()
    site.keep(CLOUDEVENT)
    for headers, status in (({}, 401), (bearer("reconcile:apply"), 403), (READS, 200), (ADMINISTERS, 200)):
        assert (await site.client.get(f"{PATH}{path}", headers=headers)).status_code == status


async def test_publishing_needs_the_scope_events_admin(site: Site) -> None:
    answer = await site.client.post(PATH, json=CLOUDEVENT, headers=READS)
    assert answer.status_code == 403
    assert 'scope="events:admin"' in answer.headers["www-authenticate"]
    assert site.publisher.events == []


@pytest.mark.parametrize(("path", "method"), [("", "page"), ("/7", "get"), ("/tail", "newest"), ("/tail", "page")])
async def test_a_log_that_is_away_is_503(site: Site, path: str, method: str) -> None:
    site.kept.fail(method, KeptEventsError("away"))
    answer = await site.client.get(f"{PATH}{path}", headers=READS)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
