"""A primary and its replicas, of which another becomes the primary; and one server that forgets what came last."""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from time import monotonic, sleep

import redis

from tests.chaos.deployments import DEADLINE, Deployment, Steps
from tests.chaos.proxy import Proxy
from tests.chaos.servers import NAME, PRODUCER, Sentinels, Server


class Replicated(Deployment):
    """A primary and its replicas. While one fault goes on, no other begins."""

    def __init__(self, directory: Path, replicas: int, server: Callable[[Path], Server] = Server) -> None:
        super().__init__()
        self._servers = [server(directory / f"server-{number}") for number in range(1 + replicas)]
        self._primary = self._servers[0]
        self.faults = {
            "primary killed": self._killed,
            "primary killed, replicas late": self._killed_late,
            "primary partitioned": self._partitioned,
        }

    def client(self) -> redis.Redis:
        """Return a client of the primary of now."""
        return self._primary.client

    def happen(self, fault: str, random: Random) -> bool:
        """Begin it, unless another one goes on, or has left its traces."""
        return not self._going_on and self._is_whole() and super().happen(fault, random)

    def heal(self) -> None:
        """Bring faults to their end, and wait until the replicas have all that the primary has."""
        super().heal()
        end = monotonic() + DEADLINE
        while not self._is_whole():
            if monotonic() > end:
                raise RuntimeError("a replica does not follow the primary")
            sleep(0.05)

    def _is_whole(self) -> bool:
        behind = [server for server in self._servers if server is not self._primary and not self._follows(server)]
        return not behind

    def _follows(self, server: Server) -> bool:
        try:
            if server.follows(self._primary):
                return True
            if server.replication().get("master_port") != self._primary.port:
                server.rejoin(self._primary)
        except redis.RedisError:  # it is just starting
            pass
        return False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the servers, the replicas with all that the primary has."""
        with ExitStack() as stack:
            for server in self._servers:
                stack.callback(server.end)
            self._primary.start()
            for server in self._servers[1:]:
                server.start(self._primary)
            self._run_more(stack)
            self.heal()
            yield

    @abstractmethod
    def _run_more(self, stack: ExitStack) -> None:
        """Run what tells where the primary is, until the stack ends."""

    @abstractmethod
    def _promoted(self, old: Server, random: Random) -> Steps:
        """Wait until another server is the primary, and is found."""

    def _killed(self, random: Random) -> Steps:
        """Kill the primary; it comes back as a replica."""
        old = self._primary
        old.kill()
        yield from self._promoted(old, random)
        yield random.uniform(0, 1)
        old.start(self._primary)

    def _killed_late(self, random: Random) -> Steps:
        """Kill the primary, when the replicas are a second behind."""
        self._primary.cut_off("replica")
        yield random.uniform(0.5, 1.2)
        yield from self._killed(random)

    def _partitioned(self, random: Random) -> Steps:
        """Let only producers reach the primary: for a while there are two. What it took meanwhile is lost."""
        old = self._primary
        old.cut_off()
        yield from self._promoted(old, random)
        yield random.uniform(0.2, 1.5)
        old.rejoin(self._primary)


class Named(Replicated):
    """Somebody promotes a replica and moves the name, which is a proxy; open connections stay where they are."""

    def __init__(self, directory: Path, replicas: int, server: Callable[[Path], Server] = Server) -> None:
        super().__init__(directory, replicas, server)
        self._name = Proxy(self._primary.port)
        self.url = f"redis://{PRODUCER}127.0.0.1:{self._name.port}/0"
        self.faults = {**self.faults, "name moved": self._moved, "connections cut": self._cut}

    def _run_more(self, stack: ExitStack) -> None:
        stack.enter_context(self._name.running())

    def _promoted(self, old: Server, random: Random) -> Steps:
        yield random.uniform(0.2, 0.8)  # until somebody notices
        yield from self._promote(old, random)

    def _promote(self, old: Server, random: Random) -> Steps:
        replicas = sorted((server for server in self._servers if server is not old), key=lambda server: server.offset)
        *others, new = replicas
        new.client.replicaof("NO", "ONE")
        for other in others:
            other.rejoin(new)
        self._primary = new
        yield random.uniform(0, 0.7)
        self._name.move(new.port)

    def _moved(self, random: Random) -> Steps:
        """Make a replica the primary, and the primary a replica; the name follows."""
        old = self._primary
        promotion = self._promote(old, random)
        seconds = next(promotion)
        old.rejoin(self._primary)
        yield seconds
        yield from promotion

    def _cut(self, _: Random) -> Steps:
        self._name.cut()
        return iter(())


class Watched(Replicated):
    """Three Sentinels promote a replica, and say where the primary is."""

    def __init__(self, directory: Path, replicas: int, server: Callable[[Path], Server] = Server) -> None:
        super().__init__(directory, replicas, server)
        self._sentinels = Sentinels(directory, self._servers)
        places = ",".join(f"127.0.0.1:{port}" for port in self._sentinels.ports)
        self.url = f"redis+sentinel://{PRODUCER}{places}/{NAME}/0"
        self.faults = {**self.faults, "handed over": self._handed_over}

    def _run_more(self, stack: ExitStack) -> None:
        self._sentinels.start(stack)

    def _is_whole(self) -> bool:
        return super()._is_whole() and self._sentinels.idle()

    def _promoted(self, old: Server, random: Random) -> Steps:
        del random
        while (new := self._sentinels.primary()) in (None, old):
            yield 0.05
        self._primary = new or old

    def _handed_over(self, random: Random) -> Steps:
        """Let the Sentinels make a replica the primary; they make the old one a replica, and cut its connections."""
        old = self._primary
        while self._sentinels.primary() in (None, old):
            self._sentinels.fail_over()
            yield 1
        yield from self._promoted(old, random)


class Forgetful(Deployment):
    """One server without replicas. Killed, it comes back without what it had written to its disk last."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._server = Server(directory / "server")
        self._proxy = Proxy(self._server.port)
        self.url = f"redis://{PRODUCER}127.0.0.1:{self._proxy.port}/0"
        self._sizes: deque[tuple[float, int]] = deque(maxlen=100)
        self.faults = {"tail cut off": self._cut_off, "connections cut": self._cut}

    def client(self) -> redis.Redis:
        """Return a client of the server."""
        return self._server.client

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run server and proxy."""
        with ExitStack() as stack:
            stack.callback(self._server.end)
            self._server.start()
            stack.enter_context(self._proxy.running())
            yield

    def happen(self, fault: str, random: Random) -> bool:
        """Begin it, unless another one goes on: a server that is about to start is not started twice."""
        return not self._going_on and super().happen(fault, random)

    def tend(self) -> None:
        """Look how long the file is, too."""
        super().tend()
        self._sizes.append((monotonic(), self._file().stat().st_size))

    def _file(self) -> Path:
        return next(self._server.directory.glob("appendonlydir/*.incr.aof"))

    def _cut_off(self, random: Random) -> Steps:
        """Kill it, and cut off what it wrote in the last second or less, and a few bytes more: a write is torn."""
        self._server.kill()
        since = monotonic() - random.uniform(0.2, 1.2)
        sizes = [size for at, size in self._sizes if at <= since] or [self._sizes[0][1]]
        with self._file().open("r+b") as file:
            file.truncate(max(0, sizes[-1] - random.choice([0, 7])))
        self._sizes.clear()
        yield random.uniform(0.1, 1.0)
        self._server.start()

    def _cut(self, _: Random) -> Steps:
        self._proxy.cut()
        return iter(())
