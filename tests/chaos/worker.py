"""A worker whose steps are numbered, so that each fault can befall it at each of them."""

import logging
import os
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from resource import RLIMIT_FSIZE, setrlimit
from threading import Thread, Timer
from time import sleep
from typing import Any, NamedTuple
from uuid import uuid4

import redis

from qontract.adapters.celery import CeleryJobQueue
from qontract.adapters.redis import RedisBroker, RedisEventPublisher, RedisIntents, RedisReplicationHistory
from qontract.adapters.redis.write_durability import WriteDurability
from qontract.adapters.sqlite import SqliteEventSpool
from qontract.application.event_manager import EventManager
from qontract.application.failover_replay import FailoverReplay
from qontract.application.guards import Guards
from qontract.application.jobs import JobSlice, Unfinished
from qontract.application.ports.job_queue import JobQueueError
from qontract.application.reconcile import reconcile
from qontract.application.recovery import recover_all
from qontract.domain.jobs import Job, JobProgress
from tests.chaos.handlers import append
from tests.chaos.kinds import Kind
from tests.chaos.systems import SYSTEMS

log = logging.getLogger(__name__)

SOON = 0.05
LOCK_SECONDS = 0.5
SLICE_SECONDS = 0.3
LOOK_SECONDS = 0.3
NONE = Guards(max_removal_share=1)
STREAM, PREFIX = "qontract:{main}:events", "qontract:{main}:"


class Place(NamedTuple):
    """Where a worker of this kind works. If Redis fails over, one that lives recovers before it ends."""

    redis_url: str
    jobs_url: str
    system: str
    system_url: str
    directory: Path
    kind: Kind


class Steps:
    """Counts what is done at the ports, before and after, and lets `happen` what is planned for a number."""

    def __init__(self, plan: dict[int, str], happen: Callable[[str], None]) -> None:
        self._plan = plan
        self._happen = happen
        self.number = 0

    def wrap(self, call: Callable[..., Any], *, stops: bool = True) -> Callable[..., Any]:
        def stepping(*args: Any, **kwargs: Any) -> Any:
            self._step(stops=stops)
            try:
                return call(*args, **kwargs)
            finally:
                self._step(stops=stops)

        return stepping

    def at(self, adapter: Any) -> Any:
        """Return the adapter, with a step before and after each call."""
        for name in ("publish", "send", "record", "pending", "resolve", "append", "oldest", "remove", "read", "apply"):
            if hasattr(adapter, name):
                setattr(adapter, name, self.wrap(getattr(adapter, name), stops=name != "apply"))
        return adapter

    def _step(self, *, stops: bool) -> None:
        """Let happen what is planned; but a worker stops only where it asks for its lock before its next action.

        Neither system can be fenced: who stands still in the midst of an action makes the rest of its calls.
        """
        self.number += 1
        if fault := self._plan.pop(self.number, None):
            if fault == "stopped" and not stops:
                self._plan.setdefault(self.number + 1, fault)
            else:
                self._happen(fault)


class Worker:
    """The adapters of a worker, as the container wires them, with shorter times."""

    def __init__(self, place: Place, steps: Steps) -> None:
        system = SYSTEMS[place.system]
        for name in system.methods:
            setattr(system.calls, name, steps.wrap(getattr(system.calls, name), stops=False))
        kind = place.kind
        waits = kind.replicas or kind.fsync
        durability = WriteDurability(kind.replicas, seconds=0.3, fsync=kind.fsync) if waits else None
        broker = RedisBroker(place.redis_url, timeout=0.3, pause=0.3, durability=durability)
        publisher = steps.at(RedisEventPublisher(broker, channel="main", stream=STREAM, source="chaos"))
        spool = steps.at(SqliteEventSpool(place.directory / "spool" / "events", max_bytes=10_000_000))
        intents = steps.at(RedisIntents(broker, channel="main", source="chaos"))
        server = RedisReplicationHistory(broker, channel="main")
        self.window = FailoverReplay(publisher, server, max_events=kind.remembers, watch=_watch)
        unreplicated = SqliteEventSpool(place.directory / "spool" / "unreplicated", max_bytes=10_000_000)
        kept: Any = {"spool": spool, "unreplicated": unreplicated, "intents": intents}
        remembering = EventManager(self.window, before_resolving=self.window.check_history, **kept)
        self.events = remembering if kind.safe else EventManager(publisher)
        self._integration = steps.at(system.integration(place.system_url))
        self._integration.in_doubt_seconds = 0.2
        self._directory = place.directory
        self._queue = CeleryJobQueue(
            place.jobs_url,
            {place.system: self._run},
            prefix=PREFIX,
            time_limit=60,
            slice_seconds=SLICE_SECONDS,
            lock_seconds=LOCK_SECONDS,
        )

    def _run(self, job: Job, job_slice: JobSlice) -> JobProgress | Unfinished:
        return reconcile(job, job_slice, integration=self._integration, events=self.events, guards=NONE)

    def run(self, job_id: str, later: Sequence[str] = ()) -> None:
        """Run the job to its end, slice by slice, as often as its message would be delivered again.

        One that Redis does not know is submitted, and so is one that it has forgotten: as by a client that waits for
        its end; but not when another client has submitted a `later` one, which it would overwrite. The file of the job
        has it, and another one the ids that it got.
        """
        ids = self._directory / f"{job_id}.ids"
        while True:
            now_id = ids.read_text().split()[-1] if ids.exists() else job_id
            try:
                self._queue.run(now_id)
                result = self._queue.result(now_id)
                if result is None and any((self._directory / f"{other}.ids").exists() for other in later):
                    return
                if result is None:
                    job = Job.model_validate_json((self._directory / job_id).read_text())
                    job = job.model_copy(update={"id": str(uuid4())})
                    self._queue._ledger.record(job)
                    append(ids, f"{job.id}\n")
                elif result.status.final:
                    return
            except (redis.RedisError, OSError, JobQueueError) as error:
                log.warning("again: %s", error)
            sleep(SOON)

    def recover(self) -> None:
        """Recover until nothing is pending or spooled, or to be published again."""
        while True:
            self.window.check_history()
            if any(event.history != self.window._number for event in self.window._events):
                sleep(SOON)
                continue
            recover_all(self.events, self._queue, {self._integration.name: self._integration}, later={})
            try:
                if not self.events.pending() and not self.events.flush():
                    return
            except Exception as error:  # noqa: BLE001 - whatever it is, the next time shows
                log.warning("again: %s", error)
            sleep(SOON)


def _watch(window: FailoverReplay) -> None:
    """Look into the window as a process does, but more often."""

    def look() -> None:
        while window.check_history():
            sleep(LOOK_SECONDS)

    Thread(target=look, daemon=True).start()


def work(place: Place, jobs: list[str], plan: dict[int, str], harness: Connection) -> None:
    """Run the jobs one after the other; without jobs, recover. Send the number of steps at the end."""
    logging.raiseExceptions = False  # on a full disk there is no log
    logging.basicConfig(filename=place.directory / "worker.log", level=logging.INFO, force=True)

    def happen(fault: str) -> None:
        log.info("step %s: %s", steps.number, fault)
        match fault:
            case "kill -9":
                os.kill(os.getpid(), signal.SIGKILL)
            case "kill -9 soon":  # within what comes after the step
                Timer(0.002, os.kill, (os.getpid(), signal.SIGKILL)).start()
            case "disk full":
                setrlimit(RLIMIT_FSIZE, (1, 1))
            case _:
                harness.send(fault)
                harness.recv()
                if fault == "killed with the primary":
                    os.kill(os.getpid(), signal.SIGKILL)

    steps = Steps(plan, happen)
    worker = Worker(place, steps)
    for number, job_id in enumerate(jobs, 1):
        worker.run(job_id, later=jobs[number:])
    happen("all jobs are done")
    if not jobs or place.kind.fails_over:
        worker.recover()
    harness.send(steps.number)
