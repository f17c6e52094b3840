"""Who asked for a change, and why, from the request to the event."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI
from pytest_mock import MockerFixture

from qontract.adapters.cloudevents import to_cloudevent
from qontract.adapters.memory import InMemoryEventPublisher, InMemoryIntents, InMemoryJobQueue, InMemorySlackUsergroups
from qontract.application.event_manager import EventManager
from qontract.application.reconcile import reconcile
from tests.unit.entrypoints.api.conftest import DESIRED, PATH, AppOf, bearer, client_of, coreos

pytestmark = pytest.mark.anyio

BY_ALICE = bearer("slack-usergroups:apply", subject="alice@example.com") | {"X-Correlation-ID": "ci-run-7"}
REQUEST = DESIRED | {"dry_run": False, "reason": "team A has a new member"}


@dataclass
class World:
    """An API with all that is behind it, in memory."""

    app: FastAPI
    workspace: InMemorySlackUsergroups
    publisher: InMemoryEventPublisher
    intents: InMemoryIntents


@pytest.fixture
def world(app_of: AppOf) -> World:
    publisher = InMemoryEventPublisher()
    workspace, intents = coreos(), InMemoryIntents(publisher)
    events = EventManager(publisher, intents=intents)
    queue = InMemoryJobQueue({"slack-usergroups": partial(reconcile, integration=workspace, events=events)})
    return World(app_of(queue), workspace, publisher, intents)


async def post(world: World, request: dict[str, Any] = REQUEST) -> dict[str, Any]:
    async with client_of(world.app) as client:
        accepted = (await client.post(PATH, json=request, headers=BY_ALICE)).raise_for_status()
        result: dict[str, Any] = (await client.get(accepted.headers["location"], headers=BY_ALICE)).json()
    return result


async def test_the_event_of_a_change_says_who_asked_for_it_and_why(world: World) -> None:
    assert (await post(world))["status"] == "success"
    [event] = world.publisher.events
    sent = to_cloudevent(event, "qontract-api").model_dump(mode="json")
    assert sent["type"] == "qontract-api.slack-usergroups.create"
    about = {"authid": "alice@example.com", "authtype": "unknown", "reason": "team A has a new member"}
    assert about | {"correlationid": "ci-run-7"} == {
        name: sent[name] for name in ("authid", "authtype", "reason", "correlationid")
    }


async def test_the_event_of_a_failure_says_it_too(world: World) -> None:
    elsewhere = REQUEST | {"workspaces": [{"name": "nowhere", "usergroups": []}]}
    assert (await post(world, elsewhere))["status"] == "failed"
    [event] = world.publisher.events
    assert event.extensions["authid"] == "alice@example.com"
    assert event.extensions["reason"] == "team A has a new member"


async def test_the_intent_of_a_run_that_dies_says_it_too(world: World, mocker: MockerFixture) -> None:
    mocker.patch.object(world.workspace, "apply", side_effect=RuntimeError("killed"))
    assert (await post(world))["status"] == "failed"
    [intent] = world.intents.pending()["slack-usergroups/coreos"]
    assert (intent.extensions["authid"], intent.extensions["reason"]) == ("alice@example.com", REQUEST["reason"])


async def test_the_log_says_which_job_was_accepted_from_whom_and_why(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "qontract")
    async with client_of(world.app) as client:
        accepted = (await client.post(PATH, json=REQUEST, headers=BY_ALICE)).json()
    [line] = [vars(record) for record in caplog.records if record.message == "job accepted"]
    expected = {
        "job_id": accepted["id"],
        "integration": "slack-usergroups",
        "dry_run": False,
        "requested_by": "alice@example.com",
        "reason": "team A has a new member",
    }
    assert expected.items() <= line.items()


@pytest.mark.parametrize("reason", ["", "a\nb", "\x9f", "\ufffe", "\U0001ffff", "x" * 1001, 7])
async def test_a_reason_that_an_event_cannot_have_is_refused(world: World, reason: object) -> None:
    async with client_of(world.app) as client:
        answer = await client.post(PATH, json=DESIRED | {"reason": reason}, headers=BY_ALICE)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/reason"]


async def test_a_reason_may_be_in_any_language(world: World) -> None:
    reason = "Größere Gruppe für 田中さん 🎉"
    await post(world, REQUEST | {"reason": reason})
    assert [event.extensions["reason"] for event in world.publisher.events] == [reason]
