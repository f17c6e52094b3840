"""A cluster: the primary that has our keys has a replica, which takes its place; two more primaries agree to it."""

from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from time import monotonic

import redis

from tests.chaos.deployments import Steps
from tests.chaos.failing_over import Replicated
from tests.chaos.servers import PRODUCER, Server, ask
from tests.chaos.valkey import lasting_port
from tests.support.cluster import SLOT, join

_NOTHING, _EVERYTHING = -1, -2
"""What a node drops of the messages that other nodes send."""
_FAILOVER = ("CLUSTER", "FAILOVER")


class Node(Server):
    """A node of a cluster. It can be cut off from the others: it takes notice of nothing that they say."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.bus = lasting_port()
        self._is_cut_off = False

    def _lines(self, primary: Server | None) -> list[str]:
        del primary  # the file of the cluster says whose replica it is
        return [
            *super()._lines(None),
            "cluster-enabled yes",
            f"cluster-port {self.bus}",
            "cluster-node-timeout 1000",
            "cluster-replica-validity-factor 0",
            "enable-debug-command local",
        ]

    def cut_off(self, *users: str) -> None:
        """Let its replica reach it no longer, nor, if nobody is named, the other nodes."""
        if not users:
            ask(self.client, "DEBUG", "DROP-CLUSTER-PACKET-FILTER", _EVERYTHING)
            self._is_cut_off = True
        super().cut_off("replica")

    def rejoin(self, primary: Server) -> None:
        """Let everybody reach it. If it has no keys of its own any more, or never had, make it that one's replica."""
        ask(self.client, "DEBUG", "DROP-CLUSTER-PACKET-FILTER", _NOTHING)
        if self._is_cut_off:  # a ping that it dropped is waited for without an end, unless its connection is a new one
            for line in ask(self.client, "CLUSTER", "NODES").decode().splitlines():
                with suppress(redis.ResponseError):  # there is none to itself
                    ask(self.client, "DEBUG", "CLUSTERLINK", "KILL", "ALL", line.split()[0])
            self._is_cut_off = False
        ask(self.client, "ACL", "SETUSER", "replica", "on")
        with suppress(redis.ResponseError):  # it knows nothing of that one yet, or nothing of its promotion
            ask(self.client, "CLUSTER", "REPLICATE", ask(primary.client, "CLUSTER", "MYID"))

    def agrees(self, primary: Server) -> bool:
        """Say whether it knows that one as the primary of our keys, and of no node that it failed."""
        try:
            text = ask(self.client, "CLUSTER", "NODES").decode()
        except redis.RedisError:  # it is just starting
            return False
        lines = [line.split() for line in text.splitlines()]
        well = all("fail" not in flags and "handshake" not in flags for _, _, flags, *_ in lines)
        owners = [place.partition("@")[0] for _, place, *_, slots in lines if slots == str(SLOT)]
        return well and owners == [f"127.0.0.1:{primary.port}"]


class InACluster(Replicated):
    """The events in the cluster, and the jobs on a server that nothing befalls."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, 1, Node)
        self._others = [Node(directory / f"other-{number}") for number in range(2)]
        self._jobs = Server(directory / "jobs")
        named = f"127.0.0.1:{self._primary.port},127.0.0.1:{self._others[0].port}"
        self.url = f"redis+cluster://{PRODUCER}{named}"
        self.faults = {**self.faults, "handed over": self._handed_over, "replica forced while late": self._forced_late}

    @property
    def jobs_url(self) -> str:
        """Where the jobs are."""
        return f"redis://{PRODUCER}127.0.0.1:{self._jobs.port}/0"

    @property
    def _nodes(self) -> list[Node]:
        return [node for node in [*self._others, *self._servers] if isinstance(node, Node)]

    def _run_more(self, stack: ExitStack) -> None:
        for server in [*self._others, self._jobs]:
            stack.callback(server.end)
            server.start()
        join([node.client for node in self._nodes], [node.bus for node in self._nodes])

    def _is_whole(self) -> bool:
        for server in self._servers:  # one that was slow for a second was replaced, and nobody planned it
            if all(other.agrees(server) for other in self._others):
                self._primary = server
        return super()._is_whole() and all(node.agrees(self._primary) for node in self._nodes)

    def _promoted(self, old: Server, random: Random) -> Steps:
        """Wait until the nodes have noticed by themselves."""
        del random
        yield from self._until_primary(self._replica_of(old))

    def _partitioned(self, random: Random) -> Steps:
        """Let only producers reach the primary, and have its replica take its place without asking anybody.

        The old one takes what it is given until it has not heard of the others for a second.
        """
        old, new = self._primary, self._replica_of(self._primary)
        old.cut_off()
        yield random.uniform(0.2, 0.9)
        yield from self._until_primary(new, *_FAILOVER, "TAKEOVER")
        yield random.uniform(0.2, 1.5)
        old.rejoin(new)

    def _handed_over(self, _: Random) -> Steps:
        """Have the replica take the place of the primary, which waits until it has all."""
        yield from self._until_primary(self._replica_of(self._primary), *_FAILOVER)

    def _forced_late(self, random: Random) -> Steps:
        """Have the replica take the place of the primary, although it lacks something; the other nodes agree."""
        old, new = self._primary, self._replica_of(self._primary)
        old.cut_off("replica")
        yield random.uniform(0.3, 1.2)
        yield from self._until_primary(new, *_FAILOVER, "FORCE")
        old.rejoin(new)

    def _replica_of(self, primary: Server) -> Server:
        return next(server for server in self._servers if server is not primary)

    def _until_primary(self, new: Server, *how: str) -> Steps:
        """Wait until it is the primary; have it promoted in one of the ways of CLUSTER FAILOVER, if `how` says one."""
        ask_at = monotonic()
        while new.replication()["role"] != "master":
            if how and monotonic() >= ask_at:
                ask_at = monotonic() + 1
                with suppress(redis.ResponseError):  # it does not know its primary yet
                    ask(new.client, *how)
            yield 0.05
        self._primary = new
