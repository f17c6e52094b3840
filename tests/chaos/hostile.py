"""One seeded run of real processes on a Redis into which somebody writes what is not ours, while good work goes on."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event as Flag
from time import monotonic, sleep
from typing import Any

import httpx
import redis

from qontract.adapters.cloudevents import Event
from qontract.adapters.redis import RedisBroker
from tests.chaos.hostile_fates import UNKNOWN, Evidence, explained
from tests.chaos.hostile_system import System, running, unfinished
from tests.chaos.hostile_values import (
    CELERY,
    KEYS,
    QUEUE,
    SCOPES,
    STREAM,
    SUBSCRIPTIONS,
    Value,
    before_a_job,
    of_other_types,
    values,
)
from tests.chaos.report import Outcome

VALUES, BATCH = 10_000, 100
UNFINISHED = 200
"""Events that a replica has read and not finished when the run begins."""
EVENTS = 4
"""Good events for each batch of values."""
DEADLINE = 180.0
"""Seconds that the run waits for what is missing."""
_RECORD = "a record of attempts"


def run(kind: str, seed: int, *, stop: Flag | None = None, keep: Path | None = None, count: int = VALUES) -> Outcome:
    """Plant so many values while good work goes on, and say what became of all. Its files stay in `keep`, if given."""
    with TemporaryDirectory(prefix="chaos-") as temporary:
        directory = (keep or Path(temporary)) / f"{kind}-{seed}"
        directory.mkdir(parents=True)
        return _Run(seed, stop or Flag()).run(directory, count)


class _Run:
    def __init__(self, seed: int, stop: Flag) -> None:
        self._seed, self._stop, self._random = seed, stop, Random(seed)
        self._planted: list[tuple[Value, Any]] = []
        self._events: list[str] = []
        self._jobs: dict[str, str] = {}
        self._before: list[tuple[str, Value]] = []
        self._unfinished: dict[str, str] = {}
        self._values: list[Value] = []
        self._numbers: Counter[str] = Counter()

    def run(self, directory: Path, count: int) -> Outcome:
        began = monotonic()
        with running(directory, partial(self._prepare, count)) as system:
            family = system.family()
            for some in of_other_types():
                self._planted += _plant(system.client, some)
                self._work(system)
                self._wait("the keys are set aside", lambda: self._set_aside(system))
                self._wait("the good work is done", lambda: self._is_done(system))
            for start in range(0, len(self._values), BATCH):
                self._planted += _plant(system.client, self._values[start : start + BATCH])
                self._work(system)
            self._wait("the good work is done", lambda: self._is_done(system))
            self._wait("nothing waits", lambda: self._is_worked_off(system.client))
            self._wait("all is ready", system.ready)
            self._numbers["ended"] = sum(process.poll() is not None for process in system.processes)
            self._numbers["replaced"] = len(family - system.family())
            listed = system.ask(self._numbers)
            self._planted += [(value, self._jobs[job_id]) for job_id, value in self._before]
            found = explained(self._planted, self._evidence(system, listed))
        self._numbers["unknown"] = sum(number for label, number in found.items() if UNKNOWN in label)
        self._numbers |= Counter(
            {
                "values": len(self._planted),
                "accounted for": found.total() - self._numbers["unknown"],
                "jobs": len(self._jobs),
                "jobs failed": sum(status != "success" for status in self._jobs.values()),
                "events": len(self._events),
                "seconds": round(monotonic() - began),
            }
        )
        return Outcome("hostile", str(self._seed), self._numbers, +found, Counter())

    def _prepare(self, count: int, client: redis.Redis) -> None:
        """Make the values, and plant the records of attempts: they are read when a replica claims its events."""
        self._unfinished = unfinished(client, UNFINISHED)
        made = list(values(self._random, count, self._unfinished))
        self._planted += _plant(client, [value for value in made if value.place == _RECORD])
        self._values = [value for value in made if value.place != _RECORD]

    def _work(self, system: System) -> None:
        """Publish events, and submit a job in a scope that has none at work, after something stood in its way."""
        ids = [f"good-{len(self._events) + number}" for number in range(EVENTS)]
        events = [Event(id=id_, type="com.example.happened", source="chaos", subject=id_, data={}) for id_ in ids]
        with RedisBroker(system.url) as broker:
            broker.publish_all(events, channel="main", stream=STREAM)
        self._events += ids
        number = len(self._jobs)
        before = list(self._jobs)[-len(SCOPES) : -len(SCOPES) + 1] if number >= len(SCOPES) else []
        self._wait("the job of its scope has ended", lambda: all(self._has_ended(system, job) for job in before))
        scope = SCOPES[number % len(SCOPES)]
        some = list(before_a_job(self._random, scope)) if self._planted and number >= 5 else []
        _plant(system.client, some)
        job_id = self._submitted(system, scope, number)
        self._jobs[job_id] = "pending"
        self._before += [(job_id, value) for value in some]

    def _submitted(self, system: System, scope: str, number: int) -> str:
        """Submit a job; while a key that it needs is something else, the API refuses it with 503."""
        end = monotonic() + DEADLINE
        while True:
            try:
                return system.submit(scope, number)
            except httpx.HTTPStatusError as error:
                if error.response.status_code != httpx.codes.SERVICE_UNAVAILABLE or monotonic() > end:
                    raise
                self._numbers["refused jobs"] += 1
                sleep(0.5)

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait until it is so; count it as stuck, if it takes too long."""
        end = monotonic() + DEADLINE
        _t = monotonic()
        while not condition():
            if self._stop.is_set():
                raise InterruptedError
            if monotonic() > end:
                self._numbers["stuck"] += 1
                print(f"hostile {self._seed}: it does not come about that {what}")
                return
            sleep(0.2)

    def _has_ended(self, system: System, job_id: str) -> bool:
        if self._jobs[job_id] in {"pending", "running"} or not self._jobs[job_id].isalpha():
            self._jobs[job_id] = system.status(job_id)
        return self._jobs[job_id] in {"success", "failed", "skipped", "blocked"}

    def _set_aside(self, system: System) -> bool:
        named = Counter(line["key"] for line in system.logs() if "set aside" in line["event"])
        return not Counter(value.key for value, _ in self._planted if value.place.startswith("a key, by")) - named

    def _is_done(self, system: System) -> bool:
        notes = system.notes()
        wanted = [*self._events, *self._unfinished.values()]
        handled = all((name, event) in notes for name in SUBSCRIPTIONS for event in wanted)
        return all(self._has_ended(system, job_id) for job_id in self._jobs) and handled

    def _is_worked_off(self, client: redis.Redis) -> bool:
        pending: list[Any] = [client.xpending(STREAM, name)["pending"] for name in SUBSCRIPTIONS]
        lags = [
            group["lag"]
            for group in client.xinfo_groups(STREAM)
            if group["name"].decode(errors="replace") in SUBSCRIPTIONS
        ]
        redriven = [client.xlen(KEYS.redriven(name)) for name in SUBSCRIPTIONS]
        queued: Any = client.llen(QUEUE)
        taken = queued + int(client.hlen(f"{CELERY}unacked")) - len(_waiting(client))
        return not any((*pending, *lags, *redriven, taken, client.zcard(f"{KEYS.prefix}job-signs")))

    def _evidence(self, system: System, listed: dict[str, bool]) -> Evidence:
        letters: Any = system.client.xrange(KEYS.dead)
        dead = {
            (
                fields.get(b"subscription", b"").decode(errors="replace"),
                fields.get(b"entry", b"").decode(errors="replace"),
            )
            for _, fields in letters
        }
        seen = system.notes(), dead, listed, system.logs(), system.refused(), _waiting(system.client)
        return Evidence(system.client, *seen, self._unfinished)


def _plant(client: Any, some: Sequence[Value]) -> list[tuple[Value, Any]]:
    """Put the values there, all in one step, and return them with what Redis answered."""
    with client.pipeline(transaction=True) as step:
        for value in some:
            for command in (*value.before, value.command):
                step.execute_command(*command)
        answers = iter(step.execute(raise_on_error=False))
    return [(value, [next(answers) for _ in (*value.before, value.command)][-1]) for value in some]


def _waiting(client: redis.Redis) -> set[str]:
    """Return the jobs whose messages wait with the worker, for their time has not come."""
    found = set()
    for raw in client.hvals(f"{CELERY}unacked"):
        with suppress(ValueError, TypeError, KeyError, IndexError, RecursionError):
            headers = json.loads(raw)[0]["headers"]
            if headers["eta"]:
                found.add(str(headers["id"]))
    return found
