"""A journey on a real Valkey: events are delivered, and somebody asks why they were, or were not."""

import json
import socket
import time
from typing import Any

import anyio
import pytest

from qontract.application.ports.event_handler import Policy, Reject
from qontract.entrypoints.container import Container
from tests.support.commands import run
from tests.support.delivering import Handler, an_event, failing
from tests.support.redis_delivery import ask, publish, replica
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

WAITS = Policy(max_attempts=3, backoff=600, max_backoff=600)


def verdicts(name: str) -> dict[str, str]:
    explanation = Container().why().event(name)
    return {found.subscription: found.verdict.value for found in explanation.findings} if explanation else {}


def command(url: str, *arguments: str) -> tuple[int, str, str]:
    done = run("why", *arguments, QAPI_CACHE_BROKER_URL=url)
    return done.returncode, done.stdout, done.stderr


async def test_each_subscription_has_a_verdict_from_the_publishing_to_the_end(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QAPI_CACHE_BROKER_URL", valkey_url)
    refused = [Reject("not mine")]

    async def refusing(number: int, attempt: int) -> None:
        if refused:
            raise refused.pop()

    handlers = {
        "audit": Handler(),
        "crm": Handler(WAITS, failing(ValueError("no such user"), 1)),
        "mails": Handler(types=("com.example.*",)),
        "tickets": Handler(trouble=refusing),
    }
    first, second = (
        an_event(number).model_copy(update={"extensions": {"authid": "alice", "reason": "on call"}})
        for number in (1, 2)
    )
    publish(valkey_url, first, second)
    async with replica(valkey_url, handlers):
        begun = {"audit": "handled", "crm": "retrying", "mails": "not-wanted", "tickets": "dead-lettered"}
        await eventually(lambda: verdicts(first.id) == begun)
        await eventually(lambda: verdicts(second.id) == begun | {"crm": "waiting-behind", "tickets": "handled"})

        code, said, _ = await anyio.to_thread.run_sync(command, valkey_url, first.id)
        assert code == 4  # tickets gave it up
        for part in ("asked by   alice", "reason     on call", "ValueError: no such user", "attempt 2 of 3 comes at"):
            assert part in said
        [redrive] = [line for line in said.splitlines() if "qontract dead-letters redrive" in line]
        letter = redrive.rpartition(" ")[2]
        Container().dead_letters().redrive(letter)
        await eventually(lambda: verdicts(first.id)["tickets"] == "handled")

        code, said, _ = await anyio.to_thread.run_sync(command, valkey_url, second.id, "--json")
        assert code == 3
        record: dict[str, Any] = json.loads(said)
        found = {one["name"]: one for one in record["subscriptions"]}
        assert found["crm"]["details"]["event"] == first.id
        assert found["mails"]["details"]["pattern"] == "com.example.*"
        assert (record["status"], record["event"]["event"]["authid"]) == ("published", "alice")

        ask(valkey_url, "XDEL", "qontract:{main}:events", record["entry"])  # what was handled is known all the same
        assert verdicts(second.id)["audit"] == "handled"
    code, _, said = await anyio.to_thread.run_sync(command, valkey_url, "nothing\x1b[2J")
    assert code == 1
    assert said.startswith(r"qontract: nothing\u001b[2J: nothing is known of it: see `qontract events list`")
    assert "jobs were not looked at: QAPI_AUTH__SECRET is not set" in said


async def test_of_a_scope_of_which_no_event_tells_the_next_command_is_said(valkey_url: str) -> None:
    code, _, said = await anyio.to_thread.run_sync(command, valkey_url, "slack-usergroups/acme")
    assert code == 1
    assert "see `qontract jobs list --integration slack-usergroups --scope acme`" in said


@pytest.mark.parametrize("name", ["1-1", "an-id", "acme/team-a"])
async def test_a_redis_that_hangs_is_one_line_in_a_few_seconds_whatever_is_asked_about(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://:hush@127.0.0.1:{silent.getsockname()[1]}/0"
        began = time.monotonic()
        code, _, said = await anyio.to_thread.run_sync(command, url, name)
        seconds = time.monotonic() - began
    assert code == 5
    assert said.startswith("qontract: QAPI_CACHE_BROKER_URL: ")
    assert said.count("\n") == 1
    assert "hush" not in said
    assert seconds < 8  # two for Redis, the rest for the process
