"""Redriving a group of dead letters as a process, while the subscription is read, on a real Valkey."""

import asyncio
import json
import os
import pty
import signal
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from qontract.adapters.redis.records.attempt_records import failures_to_json
from qontract.application.ports.event_handler import Policy
from qontract.domain.dead_letters import FailedAttempt, group_id
from qontract.domain.failure_causes import Cause
from tests.support.commands import QONTRACT, environment, run, running
from tests.support.delivering import FORMAT, Handler, an_event, failing
from tests.support.redis_delivery import replica
from tests.support.redis_event_log import KEYS, dead_letters_at, make
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

NAME = "crm"
CAUSES = [Cause(f"acme.Error{number}", f"acme.crm.Crm.handle:{number}") for number in range(5)]
QUICK = Policy(max_attempts=2, backoff=0.01)
TYPES = ("qontract-api.test.*",)
TOLD = "qontract-api.dead-letters.redriven"


def dead_letter(server: redis.Redis, count: int) -> None:
    """Make so many letters: their numbers, and of five causes one after the other."""
    make(server, NAME)
    now, step = datetime.now(UTC), server.pipeline(transaction=False)
    for number in range(count):
        cause = CAUSES[number % 5]
        failures = failures_to_json([FailedAttempt(now, f"{cause.kind}: no place for {number}", cause)])
        event = FORMAT.encode(an_event(number, f"person-{number}"))
        fields: Any = {"__data__": event, "subscription": NAME, "entry": f"{number + 1}-0", "failures": failures}
        step.xadd(KEYS.dead, fields)
    step.execute()


def group(number: int) -> str:
    return group_id(NAME, CAUSES[number])


def settings(url: str, tmp_path: Path) -> dict[str, str]:
    return {"QAPI_CACHE_BROKER_URL": url, "QAPI_EVENTS__SPOOL": str(tmp_path / "spool")}


def told(server: redis.Redis) -> list[str]:
    """Return the entries of the letters that events say were redriven."""
    entries: Any = server.xrange(KEYS.stream)
    events = [json.loads(fields[b"__data__"]) for _, fields in entries]
    return [letter["entry"] for event in events if event["type"] == TOLD for letter in event["data"]["letters"]]


def age(server: redis.Redis) -> None:
    """Let two minutes pass since the changes that are not told."""
    entries: Any = server.xrange(KEYS.dead_changes)
    for key, fields in entries:
        change = json.loads(fields[b"change"])
        then = datetime.fromisoformat(change["time"]) - timedelta(minutes=2)
        server.xdel(KEYS.dead_changes, key)
        server.xadd(KEYS.dead_changes, {"change": json.dumps(change | {"time": then.isoformat()})})


async def test_a_thousand_letters_are_five_groups_and_one_is_redriven_through_a_kill_and_none_twice(
    valkey_url: str, tmp_path: Path
) -> None:
    with redis.Redis.from_url(valkey_url) as server:
        dead_letter(server, 1000)
        known = settings(valkey_url, tmp_path)
        listed = await asyncio.to_thread(run, "dead-letters", "groups", "--json", **known)
        groups = [json.loads(line) for line in listed.stdout.splitlines()]
        assert {one["id"]: one["count"] for one in groups} == {group(number): 200 for number in range(5)}
        crm = Handler(QUICK, types=TYPES)
        command = ("dead-letters", "redrive", "--group", group(3), "--rate", "300/s", "--yes", "--json")
        async with replica(valkey_url, {NAME: crm}):
            with running(*command, **known) as first:
                await eventually(lambda: server.xlen(KEYS.dead) < 950, seconds=30)
                first.end(signal.SIGKILL)
            killed = 1000 - server.xlen(KEYS.dead)
            done = await asyncio.to_thread(run, *command, **known)
            await eventually(lambda: len(crm.handled) >= 200)
        assert done.returncode == 0, done.stderr
        ended = json.loads(done.stdout)
        assert (ended["end"], ended["redriven"], ended["came_back"]) == ("done", 200 - killed, 0)
        assert 50 < killed < 200
        assert sorted(crm.handled) == list(range(3, 1000, 5))  # each once
        assert server.xlen(KEYS.dead) == 800
        assert server.hlen(KEYS.redrive_runs) == 0
        age(server)
        await asyncio.to_thread(run, "dead-letters", "discard", "--group", group(0), "--yes", **known)
        assert Counter(told(server)) == Counter(f"{number + 1}-0" for number in range(3, 1000, 5))


async def test_it_stops_with_4_when_the_cause_comes_back_and_says_what_to_do(valkey_url: str, tmp_path: Path) -> None:
    with redis.Redis.from_url(valkey_url) as server:
        dead_letter(server, 100)
        broken = failing(ValueError("no place"), *range(30, 60))
        known = settings(valkey_url, tmp_path)
        async with replica(valkey_url, {NAME: Handler(QUICK, broken, types=TYPES)}):
            await asyncio.to_thread(run, "dead-letters", "redrive", "--group", group(0), "--yes", **known)
            [again] = {letter.cause for letter in dead_letters_at(valkey_url).iterate() if letter.redriven}
            command = ("dead-letters", "redrive", "--group", group_id(NAME, again), "--rate", "100/s", "--yes")
            done = await asyncio.to_thread(run, *command, **known)
        assert done.returncode == 4, done.stderr
        assert "came back" in done.stdout
        lines = done.stderr.splitlines()
        assert lines[0] == "qontract: stopped: the cause came back: ValueError: no place"
        assert lines[1].startswith("fix it, and give the same command again; or qontract dead-letters discard --group ")
        assert server.hlen(KEYS.redrive_runs) == 0


async def test_a_terminal_shows_the_progress_and_asks_before(valkey_url: str, tmp_path: Path) -> None:
    with redis.Redis.from_url(valkey_url) as server:
        dead_letter(server, 50)
        known = settings(valkey_url, tmp_path)
        command = ("dead-letters", "redrive", "--group", group(1), "--rate", "100/s")
        asked = await asyncio.to_thread(run, *command, **known)
        assert asked.returncode == 1
        crm = Handler(QUICK, types=TYPES)
        async with replica(valkey_url, {NAME: crm}):
            asked = await asyncio.to_thread(run, *command, **known)
            assert asked.returncode == 2
            assert asked.stderr == "qontract: nobody is there to ask; give --yes, or --dry-run\n"
            dry = await asyncio.to_thread(run, *command, "--dry-run", **known)
            assert (dry.returncode, dry.stdout) == (
                0,
                f"10 dead letters of crm: {CAUSES[1]}; at most 100 in a second\n",
            )
            assert server.xlen(KEYS.dead) == 50
            screen = await asyncio.to_thread(on_a_terminal, command, known)
        assert "Do it? [y/N]" in screen
        assert "redriven 10 of 10, 0 not acknowledged" in screen
        assert len(crm.handled) == 10


def on_a_terminal(command: tuple[str, ...], known: dict[str, str]) -> str:
    """Run the command on a terminal, say yes, and return what was seen."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*QONTRACT, *command], env=environment(**known), stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, b"y\n")
        seen = b""
        try:
            while some := os.read(ours, 10_000):
                seen += some
        except OSError:  # the end of a terminal
            pass
        os.close(ours)
        assert process.wait(30) == 0, seen
    return seen.decode()
