"""The commands for subscriptions, as processes, on a real Valkey."""

import json
import os
import pty
import subprocess
from collections.abc import AsyncIterator
from subprocess import CompletedProcess
from typing import Any

import pytest
from redis.asyncio import Redis

from qontract.adapters.redis.stream.retention import show_alive
from tests.support.commands import QONTRACT, environment, run
from tests.support.processes import free_port
from tests.support.redis_event_log import KEYS, a_log, append, opened, read

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[Redis]:
    """A Redis with three events, of which `crm` has handled two; nobody runs it any more."""
    async with Redis.from_url(valkey_url) as client:
        await append(client, b"1", b"2", b"3")
        log = await opened(a_log(client, subscription="crm"))
        await log.acknowledge(await read(log, 2))
        await log.abdicate()
        await log.close()
        yield client


def subscriptions(url: str, *arguments: str) -> CompletedProcess[str]:
    return run("subscriptions", *arguments, QAPI_CACHE_BROKER_URL=url)


def crm(url: str) -> dict[str, Any]:
    done = subscriptions(url, "show", "crm", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def test_the_list_has_a_line_for_each_and_a_check_exits_with_3(client: Redis, valkey_url: str) -> None:
    done = subscriptions(valkey_url, "list")
    assert done.returncode == 0
    heading, line = done.stdout.splitlines()
    assert heading.split("  ")[0] == "NAME"
    assert line.startswith("crm   no replica  1")
    assert subscriptions(valkey_url, "list", "--check").returncode == 3
    [record] = [json.loads(line) for line in subscriptions(valkey_url, "list", "--json").stdout.splitlines()]
    assert (record["name"], record["state"], record["lag"]) == ("crm", "no replica", 1)


async def test_one_that_is_led_is_running_and_the_check_is_content(client: Redis, valkey_url: str) -> None:
    await opened(a_log(client, subscription="crm"))
    shown = subscriptions(valkey_url, "show", "crm")
    assert "state     running: one leads it" in shown.stdout
    assert subscriptions(valkey_url, "list", "--check").returncode == 0


async def test_names_from_redis_are_escaped(client: Redis, valkey_url: str) -> None:
    await client.xgroup_create(KEYS.stream, b"\x1b[2J\xff", "0")
    await client.set(KEYS.lease("crm"), b"\x1b[2J", px=60_000)
    for arguments in (["list"], ["list", "--json"], ["show", "crm"], ["show", "crm", "--json"]):
        done = subscriptions(valkey_url, *arguments)
        assert done.returncode == 0, done.stderr
        assert all(line.isprintable() for line in done.stdout.split("\n"))


async def test_a_pause_and_a_resume_are_logged_with_who_gave_the_command(client: Redis, valkey_url: str) -> None:
    done = subscriptions(valkey_url, "pause", "crm")
    assert (done.returncode, done.stdout) == (0, "paused; handlers at work finish\n")
    logged = json.loads(done.stderr)
    assert (logged["event"], logged["subscription"]) == ("subscription paused", "crm")
    assert logged["by"] == crm(valkey_url)["paused"]["by"] != ""
    assert subscriptions(valkey_url, "pause", "crm").stdout == "it is paused already\n"
    assert subscriptions(valkey_url, "resume", "crm").stdout == "resumed\n"
    assert subscriptions(valkey_url, "resume", "crm").stdout == "it is not paused\n"
    assert crm(valkey_url)["paused"] is None


async def test_a_dry_run_of_a_seek_says_what_it_means_and_moves_nothing(client: Redis, valkey_url: str) -> None:
    before = crm(valkey_url)["position"]
    done = subscriptions(valkey_url, "seek", "crm", "--to", "start", "--dry-run")
    assert (done.returncode, done.stdout) == (0, "events that come again: 2; events that are skipped: 0\n")
    asked = subscriptions(valkey_url, "seek", "crm", "--to", "start")
    assert asked.returncode == 2
    assert asked.stderr == "qontract: nobody is there to ask; give --yes, or --dry-run\n"
    assert crm(valkey_url)["position"] == before
    done = subscriptions(valkey_url, "seek", "crm", "--to", "start", "--yes", "--json")
    assert json.loads(done.stdout) == {
        "name": "crm",
        "moved": True,
        "position": "0-0",
        "again": 2,
        "skipped": 0,
        "more": False,
    }
    assert crm(valkey_url)["lag"] == 3


@pytest.mark.parametrize("to", ["yesterday", "", "END"])
async def test_where_nobody_can_seek_is_a_usage_error(client: Redis, valkey_url: str, to: str) -> None:
    assert subscriptions(valkey_url, "seek", "crm", "--to", to, "--yes").returncode == 2


async def test_what_a_replica_runs_is_neither_moved_nor_removed(client: Redis, valkey_url: str) -> None:
    await show_alive(client, KEYS, "crm")
    for arguments in (["seek", "crm", "--to", "end"], ["remove", "crm"]):
        for certain in (["--yes"], []):  # without a yes, it is refused before anybody is asked
            done = subscriptions(valkey_url, *arguments, *certain)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr.startswith("qontract: refused: a replica runs it; ")
        only_said = subscriptions(valkey_url, *arguments, "--dry-run")
        assert only_said.returncode == 0
        assert "it would be refused: a replica runs it; " in only_said.stdout
        as_json = json.loads(subscriptions(valkey_url, *arguments, "--dry-run", "--json").stdout)
        assert as_json["refused"].startswith("a replica runs it; ")
    assert crm(valkey_url)["lag"] == 1


async def test_a_removal_asks_and_does_it_or_not(client: Redis, valkey_url: str) -> None:
    for answer, code in ((b"n\n", 1), (b"y\n", 0)):
        assert answered(valkey_url, answer, "remove", "crm") == code
        assert bool(await client.xinfo_groups(KEYS.stream)) == bool(code)


def answered(url: str, answer: bytes, *arguments: str) -> int:
    """Run a command on a terminal on which somebody has typed the answer; return its exit code."""
    ours, theirs = pty.openpty()
    os.write(ours, answer)
    done = subprocess.run(
        [*QONTRACT, "subscriptions", *arguments],
        env=environment(QAPI_CACHE_BROKER_URL=url),
        stdin=theirs,
        capture_output=True,
        timeout=30,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    assert b"events that nobody will handle: " in done.stdout
    return done.returncode


@pytest.mark.parametrize(
    "arguments", [["show"], ["pause"], ["resume"], ["seek", "--to", "end", "--yes"], ["remove", "--yes"]]
)
async def test_a_name_that_is_none_is_one_line(client: Redis, valkey_url: str, arguments: list[str]) -> None:
    command, *options = arguments
    done = subscriptions(valkey_url, command, "nope\x1b", *options)
    assert done.returncode == 1
    assert done.stderr == "qontract: nope\\u001b: no such subscription; see `qontract subscriptions list`\n"


@pytest.mark.parametrize("arguments", [["list"], ["show", "crm"], ["pause", "crm"], ["seek", "crm", "--to", "end"]])
async def test_a_redis_that_is_away_is_one_line_without_the_password(arguments: list[str]) -> None:
    done = subscriptions(f"redis://:hush@127.0.0.1:{free_port()}/0", *arguments)
    assert done.returncode == 5
    assert done.stderr.startswith("qontract: QAPI_CACHE_BROKER_URL: Redis refused or did not answer: ConnectionError")
    assert len(done.stderr.splitlines()) == 1
    assert "hush" not in done.stderr
