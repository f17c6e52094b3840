"""Dead letters in a real Redis, and their commands as processes."""

import subprocess
from tempfile import TemporaryDirectory
from typing import Any

import redis

from qontract.adapters.redis.lua_scripts import run_script_sync
from qontract.adapters.redis.records.attempt_records import failures_to_json
from qontract.testing.contracts.dead_letters import Failures, Store
from tests.support.commands import end_of
from tests.support.redis_event_log import KEYS, dead_letters_at, make

PREFIX = KEYS.prefix
DEAD = KEYS.dead
SPOOLS = TemporaryDirectory()


def store_at(url: str, server: redis.Redis) -> Store:
    """Return the dead letters of that Redis, and the subscriber's side."""

    def dead_letter(subscription: str, data: bytes, failures: Failures, entry: str) -> str:
        told = failures_to_json(failures)
        fields: Any = {"__data__": data, "subscription": subscription, "entry": entry, "failures": told}
        make(server, subscription)
        id_: Any = server.xadd(DEAD, fields)
        return str(id_.decode())

    def lose(subscription: str) -> None:
        server.xgroup_destroy(KEYS.stream, subscription)

    def trim(entry: str) -> None:
        server.xadd(KEYS.stream, {"__data__": b"later"}, f"{int(entry.split('-', maxsplit=1)[0]) + 1}-0")
        run_script_sync(server.execute_command, "trim_stream", [KEYS.stream, KEYS.alive, KEYS.redrives], 0, 0)

    def redriven() -> dict[str, list[bytes]]:
        found: dict[str, list[bytes]] = {}
        for key in server.scan_iter(f"{PREFIX}redriven:*"):
            entries: Any = server.xrange(key)
            assert all(fields.keys() == {b"__data__", b"entry", b"redriven"} for _, fields in entries)
            found[key.decode().removeprefix(f"{PREFIX}redriven:")] = [fields[b"__data__"] for _, fields in entries]
        return found

    return Store(dead_letters_at(url), dead_letter, redriven, lose, trim)


def qontract(*arguments: str, url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `qontract dead-letters ARGUMENTS` to its end."""
    ours = {"QAPI_CACHE_BROKER_URL": url, "COLUMNS": "200", "QAPI_EVENTS__SPOOL": f"{SPOOLS.name}/s"}
    return end_of(["dead-letters", *arguments], ours | environment)


def lines(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    """Return the parts of each line that it printed."""
    assert done.returncode == 0, done.stderr
    return [line.split("  ") for line in done.stdout.splitlines()]
