"""The faults, by name. Each happens to a system, with what the seed leaves to chance. Raises redis.RedisError."""

import json
import signal
from collections.abc import Callable, Iterable
from random import Random
from time import monotonic_ns
from typing import Any

from tests.chaos.system import LEASE, STREAM, SUBSCRIPTION, Replica, System

Fault = Callable[[System, Random], object]


def _freeze(system: System, random: Random) -> None:
    victim = _victim(system, random)
    victim.signal(signal.SIGSTOP)
    system.later(random.uniform(1, 5), lambda: victim.signal(signal.SIGCONT))


def _kill_valkey(system: System, random: Random) -> None:
    system.kill_valkey()
    system.later(random.uniform(0.2, 1.5), system.start_valkey)


def _fill_valkey(system: System, random: Random) -> None:
    """Leave it some more memory than it has used: half of the time none, for 1 MB would last longer than the fault."""
    memory: Any = system.redis.info("memory")
    system.redis.config_set("maxmemory", memory["used_memory"] + random.choice([0, 100_000]))
    system.later(random.uniform(1, 4), system.empty_valkey)


def _delete_stream(system: System, random: Random) -> None:
    with system.redis.pipeline(transaction=True) as step:
        step.xrange(STREAM)
        step.delete(STREAM)
        _note_removed(system, step.execute()[0])


def _trim_stream(system: System, random: Random) -> None:
    """Remove the older half. What is added meanwhile is newer."""
    entries: Any = system.redis.xrange(STREAM)
    older = len(entries) // 2
    if older:
        system.redis.xtrim(STREAM, minid=entries[older][0], approximate=False)
        _note_removed(system, entries[:older])


def _note_removed(system: System, entries: Iterable[tuple[bytes, dict[bytes, bytes]]]) -> None:
    for entry_id, fields in entries:
        event = json.loads(fields[b"__data__"])["id"]
        system.entries_removed[entry_id.decode()] = event
        system.removed[event] = monotonic_ns()


def _victim(system: System, random: Random) -> Replica:
    """Mostly the replica that recorded last: of an ordered subscription the only one that works."""
    return random.choice(system.replicas) if random.random() < 0.3 else max(system.replicas, key=system.last_record)


PLAIN: dict[str, Fault] = {
    "kill -9": lambda system, random: _victim(system, random).signal(signal.SIGKILL),
    "SIGTERM": lambda system, random: _victim(system, random).signal(signal.SIGTERM),
    "SIGSTOP": _freeze,
    "Valkey kill -9": _kill_valkey,
    "connections cut": lambda system, random: system.proxy.cut(),
    "connections stalled": lambda system, random: system.proxy.stall(random.uniform(1, 5)),
    "group lost": lambda system, random: system.redis.xgroup_destroy(STREAM, SUBSCRIPTION),
}
"""Those that the plain peer gets, too."""

FAULTS = PLAIN | {
    "lease lost": lambda system, random: system.redis.delete(LEASE),
    "Valkey full": _fill_valkey,
    "stream deleted": _delete_stream,
    "stream trimmed": _trim_stream,
}
