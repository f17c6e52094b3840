"""The faults, by name. Each happens to a system, with what the seed leaves to chance."""

import signal
from collections.abc import Callable
from random import Random

from tests.chaos.system import LEASE, STREAM, SUBSCRIPTION, Replica, System


def _freeze(system: System, random: Random) -> None:
    victim = _victim(system, random)
    victim.signal(signal.SIGSTOP)
    system.later(random.uniform(1, 5), lambda: victim.signal(signal.SIGCONT))


def _kill_valkey(system: System, random: Random) -> None:
    system.kill_valkey()
    system.later(random.uniform(0.2, 1.5), system.start_valkey)


def _victim(system: System, random: Random) -> Replica:
    """Mostly the replica that recorded last: of an ordered subscription the only one that works."""
    return random.choice(system.replicas) if random.random() < 0.3 else max(system.replicas, key=system.last_record)


FAULTS: dict[str, Callable[[System, Random], object]] = {
    "kill -9": lambda system, random: _victim(system, random).signal(signal.SIGKILL),
    "SIGTERM": lambda system, random: _victim(system, random).signal(signal.SIGTERM),
    "SIGSTOP": _freeze,
    "Valkey kill -9": _kill_valkey,
    "connections cut": lambda system, random: system.proxy.cut(),
    "connections stalled": lambda system, random: system.proxy.stall(random.uniform(1, 5)),
    "group lost": lambda system, random: system.redis.xgroup_destroy(STREAM, SUBSCRIPTION),
    "lease lost": lambda system, random: system.redis.delete(LEASE),
}
