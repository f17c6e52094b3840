"""A worker whose steps are numbered, so that each fault can befall it at each of them."""

import logging
import os
import signal
from collections.abc import Callable, Collection
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from resource import RLIMIT_FSIZE, setrlimit
from threading import Timer
from time import sleep
from typing import Any, NamedTuple

import redis

from qontract.adapters.celery import CeleryJobQueue
from qontract.adapters.redis import RedisBroker, RedisEventPublisher, RedisIntents
from qontract.adapters.slack import SlackApiWorkspaces
from qontract.adapters.slack.client import SlackClient
from qontract.adapters.sqlite import SqliteEventSpool
from qontract.application.event_manager import EventManager
from qontract.application.recovery import sweep
from qontract.application.slack_usergroups import INTEGRATION, reconcile, recover
from qontract.domain.jobs import Job, JobResult

log = logging.getLogger(__name__)

SOON = 0.05
LOCK_SECONDS = 0.5
STREAM, PREFIX = "qontract:{main}:events", "qontract:{main}:"


class Place(NamedTuple):
    """Where a worker works: Redis, Slack, and its directory. Without `safe` it has neither a spool nor intents."""

    redis_url: str
    slack_url: str
    workspace: str
    directory: Path
    safe: bool


class Steps:
    """Counts what is done at the ports, before and after, and lets `happen` what is planned for a number."""

    def __init__(self, plan: dict[int, str], happen: Callable[[str], None]) -> None:
        self._plan = plan
        self._happen = happen
        self.number = 0

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*args: Any, **kwargs: Any) -> Any:
            self._step()
            try:
                return call(*args, **kwargs)
            finally:
                self._step()

        return stepping

    def at(self, adapter: Any) -> Any:
        """Return the adapter, with a step before and after each call."""
        for name in ("publish", "record", "open", "close", "append", "oldest", "remove", "read", "apply"):
            if hasattr(adapter, name):
                setattr(adapter, name, self.wrap(getattr(adapter, name)))
        return adapter

    def _step(self) -> None:
        self.number += 1
        if fault := self._plan.get(self.number):
            self._happen(fault)


class Worker:
    """The adapters of a worker, as the container wires them, with shorter times."""

    def __init__(self, place: Place, steps: Steps) -> None:
        SlackClient.call = steps.wrap(SlackClient.call)  # type: ignore[method-assign]
        broker = RedisBroker(place.redis_url, timeout=0.3, pause=0.3)
        publisher = steps.at(RedisEventPublisher(broker, channel="main", stream=STREAM, source="chaos"))
        spool = steps.at(SqliteEventSpool(place.directory / "spool" / "events", max_bytes=10_000_000))
        intents = steps.at(RedisIntents(broker, channel="main", source="chaos"))
        self.events = EventManager(publisher, spool=spool, intents=intents) if place.safe else EventManager(publisher)
        tokens = {place.workspace: f"xoxb-sandbox-{place.workspace}"}
        self._workspaces = steps.at(SlackApiWorkspaces(tokens, api_url=place.slack_url, timeout=5))
        self._queue = CeleryJobQueue(
            place.redis_url, {INTEGRATION: self._run}, prefix=PREFIX, time_limit=60, lock_seconds=LOCK_SECONDS
        )

    def _run(self, job: Job, lost: Collection[str]) -> JobResult:
        return reconcile(job, lost, workspaces=self._workspaces, events=self.events)

    def run(self, job_id: str) -> None:
        """Run the job, as often as its message would be delivered again."""
        while True:
            try:
                if self._queue.run(job_id):
                    return
            except (redis.RedisError, OSError) as error:
                log.warning("again: %s", error)
            sleep(SOON)

    def sweep(self) -> None:
        """Sweep until nothing is in doubt or spooled."""
        recoveries = {INTEGRATION: partial(recover, workspaces=self._workspaces, events=self.events)}
        while True:
            after = timedelta(seconds=0.2)
            sweep(self.events, self._queue, recoveries, in_doubt_after=after, later={})
            try:
                if not self.events.in_doubt() and not self.events.flush():
                    return
            except Exception as error:  # noqa: BLE001 - whatever it is, the next sweep shows
                log.warning("again: %s", error)
            sleep(SOON)


def work(place: Place, jobs: list[str], plan: dict[int, str], harness: Connection) -> None:
    """Run the jobs one after the other; without jobs, sweep. Tell the number of steps at the end."""
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

    steps = Steps(plan, happen)
    worker = Worker(place, steps)
    for job_id in jobs:
        worker.run(job_id)
    if not jobs:
        worker.sweep()
    harness.send(steps.number)
