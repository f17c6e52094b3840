"""Dead letters over HTTP, with adapters in memory."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from qontract.adapters.memory.event_store import AttemptRecord
from qontract.application.event_manager import EventManager
from qontract.application.ports.dead_letters import DeadLettersError
from qontract.domain.dead_letter_events import ChangedLetters
from qontract.domain.dead_letters import DeadLetter
from qontract.entrypoints.api.auth import claims_dependency
from qontract.entrypoints.api.dead_letters import DeadLetterDependencies, router
from qontract.entrypoints.api.middleware import RequestLog
from qontract.entrypoints.settings.groups import AuthSettings
from tests.support.api_in_memory import SECRET
from tests.support.dying import NAME, Site, dying
from tests.unit.entrypoints.api.conftest import bearer
from tests.unit.entrypoints.api.test_events import an_app

PATH = "/api/v1/dead-letters"
READS, ADMINISTERS = bearer("events:read"), bearer("events:admin", subject="alice")

pytestmark = pytest.mark.anyio


@dataclass
class Served:
    client: httpx.AsyncClient
    site: Site

    async def get(self, path: str = "", **parameters: Any) -> Any:
        answer = await self.client.get(f"{PATH}{path}", params=parameters, headers=READS)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.client.post(f"{PATH}{path}", json=body, headers=ADMINISTERS)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def handle(self) -> None:
        """Let the handler work on what was redriven."""
        await asyncio.to_thread(self.site.subscriber.deliver)

    def told(self) -> list[tuple[str, int]]:
        """Return by whom, and of how many letters, each event tells."""
        data = [event.data for event in self.site.publisher.events]
        return [(one.by, len(one.letters)) for one in data if isinstance(one, ChangedLetters)]


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """Five letters of one cause, and two of another."""
    manager = dying(5, odd=2)
    site = await asyncio.to_thread(manager.__enter__)
    app = an_app()
    app.add_middleware(RequestLog)
    claims_of = claims_dependency(AuthSettings.model_validate({"secret": SECRET}))
    app.include_router(
        router(
            DeadLetterDependencies(site.dead_letters, site.runs, site.control, EventManager(site.publisher), claims_of)
        )
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        yield Served(client, site)
    await asyncio.to_thread(manager.__exit__, None, None, None)


async def test_letters_are_found_by_conditions_and_in_pages_and_one_is_shown_with_its_event(served: Served) -> None:
    everything = await served.get()
    assert (len(everything["dead_letters"]), everything["next"]) == (7, None)
    first = everything["dead_letters"][0]
    assert "event" not in first
    assert len((await served.get(group=first["group"]))["dead_letters"]) in {2, 5}
    assert len((await served.get(subject=first["subject"], subscription=NAME))["dead_letters"]) == 1
    assert (await served.get(type="x"))["dead_letters"] == []
    page = await served.get(limit=3)
    assert (len(page["dead_letters"]), page["next"]) == (3, page["dead_letters"][-1]["id"])
    shown = await served.get(f"/{first['id']}")
    assert shown | {"event": None} == first | {"event": None}
    assert first["event_id"] in shown["event"]


async def test_groups_are_listed_the_largest_first(served: Served) -> None:
    found = await served.get("/groups")
    assert [(group["count"], group["kind"]) for group in found["groups"]] == [(5, "ValueError"), (2, "KeyError")]
    assert not found["more"]
    assert (await served.get("/groups", subscription="other"))["groups"] == []


async def test_a_letter_is_redriven_and_one_discarded_once_and_events_tell_by_whom(served: Served) -> None:
    first, second, *_ = [letter["id"] for letter in (await served.get())["dead_letters"]]
    assert (await served.post(f"/{first}/redrive"))["was"]["id"] == first
    assert (await served.post(f"/{second}/discard"))["was"]["id"] == second
    for path in (f"/{first}/redrive", f"/{first}/discard", f"/{second}/redrive", "/x/redrive"):
        await served.post(path, status=404)
    assert (await served.client.get(f"{PATH}/{first}", headers=READS)).status_code == 404
    assert served.told() == [("alice", 1), ("alice", 1)]
    assert all(event.correlation_id for event in served.site.publisher.events)


async def test_a_group_is_redriven_in_steps_until_nothing_is_left(served: Served) -> None:
    served.site.crm.broken = set()
    group = served.site.group().id
    path = f"/groups/{group}/redrive"
    assert (await served.post(path, {}))["group"]["count"] == 5
    assert served.told() == []
    one = await served.post(path, {"dry_run": False})
    assert (one["redriven"], one["waiting"], one["done"]) == (1, 1, False)
    await served.handle()
    two = await served.post(path, {"dry_run": False, "count": 4})
    assert (two["redriven"], two["waiting"], two["done"]) == (4, 4, False)
    await served.handle()
    await served.post(path, {"dry_run": False}, status=404)
    assert served.told() == [("alice", 1), ("alice", 4)]


async def test_a_step_is_refused_when_the_cause_came_back_and_the_next_one_begins_anew(served: Served) -> None:
    path = f"/groups/{served.site.group().id}/redrive"
    await served.post(path, {"dry_run": False})
    await served.handle()
    refused = await served.post(path, {"dry_run": False}, status=409)
    assert refused["detail"].startswith("Stopped: 1 came back: ValueError: no place for ")
    again = await served.post(path, {"dry_run": False, "count": 100})
    assert again["redriven"] == 5


async def test_a_first_failed_attempt_is_enough_to_refuse_a_step(served: Served) -> None:
    path = f"/groups/{served.site.group().id}/redrive"
    [failure, *_] = [one.failures[-1] for one in served.site.dead_letters.iterate() if one.cause.kind == "ValueError"]
    await served.post(path, {"dry_run": False})
    known = served.site.events.of(NAME)
    known.records = {number: AttemptRecord((failure,), 0, 0) for number in known.redriven}
    await served.post(path, {"dry_run": False}, status=409)


async def test_what_is_of_a_subscription_that_is_gone_or_paused_is_refused_with_409(served: Served) -> None:
    letter = next(served.site.dead_letters.iterate())
    path = f"/groups/{letter.group}/redrive"
    served.site.control.pause(NAME, by="bob")
    refused = await served.post(path, {"dry_run": False}, status=409)
    assert "nobody reads its subscription crm (paused): by bob" in refused["detail"]
    served.site.control.resume(NAME, by="bob")
    served.site.events.lose(NAME)
    for refusing, body in ((path, {}), (f"/{letter.id}/redrive", None)):
        answer = await served.post(refusing, body, status=409)
        assert answer["detail"].startswith("Refused: its subscription crm is gone: run it, or discard")
    await served.post(f"/{letter.id}/discard")


async def test_a_letter_that_cannot_be_read_is_shown_and_never_redriven(served: Served) -> None:
    served.site.events.keep_letter(DeadLetter("odd", "", b"", (), "", "it has no __data__"))
    odd = await served.get("/odd")
    assert (odd["unreadable"], odd["cause"]) == ("it has no __data__", "unreadable letter")
    await served.post("/odd/redrive", status=409)
    await served.post(f"/groups/{odd['group']}/redrive", {"dry_run": False}, status=409)
    await served.post("/odd/discard")


@pytest.mark.parametrize("body", [{"count": 0}, {"count": 101}, {"dryrun": False}, [], {"dry_run": "maybe"}])
async def test_a_step_that_cannot_be_understood_is_422(served: Served, body: Any) -> None:
    await served.post(f"/groups/{served.site.group().id}/redrive", body, status=422)


async def test_looking_needs_events_read_and_changing_needs_events_admin(served: Served) -> None:
    letter = next(served.site.dead_letters.iterate()).id
    for path in ("", "/groups", f"/{letter}"):
        for headers, status in (({}, 401), (bearer("reconcile:apply"), 403), (READS, 200), (ADMINISTERS, 200)):
            assert (await served.client.get(f"{PATH}{path}", headers=headers)).status_code == status
    for path in (f"/{letter}/redrive", f"/{letter}/discard", f"/groups/{served.site.group().id}/redrive"):
        for headers, status in (({}, 401), (bearer("reconcile:apply"), 403), (READS, 403)):
            answer = await served.client.post(f"{PATH}{path}", json={"dry_run": False}, headers=headers)
            assert answer.status_code == status
    assert len(list(served.site.dead_letters.iterate())) == 7


@pytest.mark.parametrize(("path", "method"), [("", "iterate"), ("/groups", "iterate"), ("/1", "get")])
async def test_a_store_that_is_away_is_503(served: Served, path: str, method: str) -> None:
    served.site.dead_letters.fail(method, DeadLettersError("away"))
    answer = await served.client.get(f"{PATH}{path}", headers=READS)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
