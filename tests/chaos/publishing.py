"""One seeded run of the publishing half: jobs change a system while things go wrong; the events must say the same."""

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event as Flag
from time import monotonic, sleep
from typing import Any

from qontract.adapters.celery import CeleryJobQueue
from qontract.application.reconcile import job
from tests.chaos.changes import compare, late, overwritten
from tests.chaos.deployments import DEADLINE, Alone, Deployment
from tests.chaos.failing_over import Forgetful, Named, Watched
from tests.chaos.in_a_cluster import InACluster
from tests.chaos.kinds import KINDS, Kind
from tests.chaos.report import Outcome
from tests.chaos.servers import Server
from tests.chaos.systems import SYSTEMS
from tests.chaos.worker import LOCK_SECONDS, PREFIX, STREAM, Place, work

STOPPED_SHARE = 0.3
"""Of workers that stand still until another has done all jobs."""
STEPS = 250
"""About as many as a worker without faults takes."""
OF_DISK = ("disk full", "spool unwritable")
JOBS, JOBS_OVER, JOBS_BESIDE = 5, 10, 30
"""How many a run has; how many where Redis fails over, which takes seconds; and if they do not wait for that."""


def run(kind: str, seed: int, *, stop: Flag | None = None, keep: Path | None = None) -> Outcome:
    """Run some jobs with faults at steps that the seed chooses, recover, and count what is untold or untrue.

    `kind` is one of KINDS. Odd seeds are Slack's, even ones GitHub's.
    """
    with TemporaryDirectory(prefix="chaos-") as temporary:
        return _Run(kind, seed, stop or Flag(), (keep or Path(temporary)) / f"{kind}-{seed}").run()


def _deployment(kind: Kind, seed: int, directory: Path) -> Deployment:
    if not kind.fails_over:
        return Alone(directory / "valkey")
    if kind.cluster:
        return InACluster(directory)
    replicas = kind.replicas or 2
    server = partial(Server, appendfsync="always" if kind.fsync else "everysec")
    possible: list[Callable[[Path], Deployment]] = [
        partial(named, replicas=replicas, server=server) for named in (Named, Watched)
    ]
    if not (kind.replicas or kind.fsync):
        possible.append(Forgetful)
    return possible[seed // 2 % len(possible)](directory)


class _Run:
    def __init__(self, kind: str, seed: int, stop: Flag, directory: Path) -> None:
        self._kind, self._seed, self._stop, self._directory = kind, seed, stop, directory
        self._random = Random(seed)
        self._spool = directory / "spool"
        self._spool.mkdir(parents=True)
        self._of = KINDS[kind]
        self._deployment = _deployment(self._of, seed, directory)
        self._name = ("github-teams", "slack-usergroups")[seed % 2]
        self._system = SYSTEMS[self._name]
        jobs = JOBS_BESIDE if self._of.cluster else JOBS_OVER if self._of.fails_over else JOBS
        self._desired = [self._system.desired(self._random, number) for number in range(jobs)]
        self._spool_is_writable_at = float("inf")
        self._waiting: list[str] = []
        self._faults: Counter[str] = Counter()

    def run(self) -> Outcome:
        began = monotonic()
        with ExitStack() as stack:
            stack.enter_context(self._deployment.running())
            sandbox = stack.enter_context(self._system.running())
            recorded = self._system.begin(sandbox, self._desired)
            start = recorded.fields()
            url, jobs_url = self._deployment.url, self._deployment.jobs_url
            place = Place(url, jobs_url, self._name, sandbox.url, self._directory, self._of)
            deaths, steps = self._work(place, self._submit())
            self._heal()
            if self._of.safe and self._one(place, [], {}) is None:
                raise RuntimeError(f"{self._kind} {self._seed}: the recovery has died; see {self._directory}")
            entries: Any = self._deployment.client().xrange(STREAM)
        events = [json.loads(fields[b"__data__"]) for _, fields in entries]
        ids = Counter(event["id"] for event in events)
        (self._directory / "changes.json").write_text(json.dumps(recorded.changes, indent=0))
        (self._directory / "events.json").write_text(json.dumps(events, indent=0))
        told = sorted(events, key=lambda event: str(event["time"])) if self._of.fails_over else events
        published = [self._system.published(event) for event in told]
        numbers = compare(start, recorded.changes, recorded.halfway, published)
        if self._of.fails_over:
            numbers["out of order"] = late(events)
        numbers |= Counter(
            {
                "steps": steps,
                "deaths": deaths,
                "changes": len(recorded.changes),
                "overwritten": overwritten(recorded.changes),
                "events": len(events),
                "doubled ids": ids.total() - len(ids),
                "submitted again": sum(len(file.read_text().split()) - 1 for file in self._directory.glob("*.ids")),
                "seconds": round(monotonic() - began),
            }
        )
        return Outcome(self._kind, str(self._seed), numbers, Counter(), self._faults)

    def _submit(self) -> list[str]:
        ids = []
        queue = CeleryJobQueue(self._deployment.jobs_url, {}, prefix=PREFIX, time_limit=60)
        integration = type(self._system.integration("http://127.0.0.1:1/"))
        for desired in self._desired:
            submitted = job(integration, integration.desired.model_validate(desired | {"dry_run": False}))
            if not self._of.fails_over:
                queue._ledger.record(submitted)
            (self._directory / submitted.id).write_text(submitted.model_dump_json())
            ids.append(submitted.id)
        return ids

    def _work(self, place: Place, jobs: list[str]) -> tuple[int, int]:
        """Let workers run the jobs, each until it dies, the first at the step of the seed's number.

        Return how many died, and how many steps the last one took.
        """
        random, plans = self._random, list[dict[int, str]]()
        if self._of.dies:
            deaths = ["killed with the primary"] if self._of.replicas else ["kill -9", "kill -9 soon"]
            plans += [{1 + self._seed % STEPS: deaths[0]}]
            plans += [{random.randrange(1, STEPS): random.choice(deaths)} for _ in range(2)]
        plans.append({})
        for died, plan in enumerate(plans):
            plan |= {step: fault for step, fault in self._chosen().items() if step not in plan}
            if random.random() < STOPPED_SHARE:
                plan.setdefault(random.randrange(1, STEPS // 2), "stopped")
            taken = self._one(place, jobs, plan)
            if taken is not None:
                return died, taken
            self._heal_spool()
        raise RuntimeError(
            f"{self._kind} {self._seed}: a worker without a death planned has died; see {self._directory}"
        )

    def _chosen(self) -> dict[int, str]:
        """Return what else is to befall a worker, and at which steps."""
        random, possible = self._random, [*self._deployment.faults]
        if self._of.fails_over:
            return {random.randrange(1, STEPS): fault for fault in random.choices(possible, k=3)}
        faults = random.sample([*possible, *OF_DISK], random.choice([0, 1, 2]))
        return {random.randrange(1, STEPS): fault for fault in faults}

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
                self._tend()
                try:
                    message = mine.recv() if mine.poll(0.02) else None
                    if isinstance(message, int):
                        steps = message
                    elif message == "stopped":
                        self._faults[message] += 1
                        with _standing_still(process.pid):
                            mine.send("done")
                            sleep(1.5 * LOCK_SECONDS)  # the fault itself: its locks lapse
                            self._one(place, jobs, self._chosen() if self._of.fails_over else {})
                    elif message == "all jobs are done":
                        if self._of.fails_over:  # what it remembers dies with it
                            self._heal()
                        mine.send("done")
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
        if fault == "killed with the primary":
            self._faults[fault] += self._deployment.happen("primary killed", self._random)
        elif fault != "spool unwritable":
            self._waiting.append(fault)
            self._begin_what_waits()
        elif self._spool.is_dir():  # root may write in any directory, but not below a file
            self._faults[fault] += 1
            self._spool.rename(self._directory / "away")
            self._spool.touch()
            self._spool_is_writable_at = monotonic() + self._random.uniform(0.1, 1.0)

    def _begin_what_waits(self) -> None:
        """Begin the oldest fault that could not begin yet, if it can now."""
        if self._waiting and self._deployment.happen(self._waiting[0], self._random):
            self._faults[self._waiting.pop(0)] += 1

    def _tend(self) -> None:
        self._deployment.tend()
        self._begin_what_waits()
        if self._spool_is_writable_at < monotonic():
            self._heal_spool()

    def _heal(self) -> None:
        self._waiting.clear()
        self._deployment.heal()
        self._heal_spool()

    def _heal_spool(self) -> None:
        self._spool_is_writable_at = float("inf")
        if self._spool.is_file():
            self._spool.unlink()
            (self._directory / "away").rename(self._spool)


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
