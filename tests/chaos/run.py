"""One seeded run: publish while things go wrong, wait until nothing is missing, and count."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Event as Flag
from time import monotonic, sleep
from typing import Any

import redis

from qontract.adapters.cloudevents import Event
from qontract.adapters.redis import RedisBroker
from tests.chaos import explanations
from tests.chaos.faults import FAULTS, PLAIN
from tests.chaos.handlers import poison
from tests.chaos.report import Outcome, Record, causes, fates, out_of_order
from tests.chaos.system import DEAD, STREAM, SUBSCRIPTION, System

SUBJECTS, BATCH = 50, 20
DEADLINE = 90.0
"""Seconds without progress after which no more is waited for. An event that ends its process ten times needs some."""
QUIET = 6.0
"""Seconds without a record after which the plain peer is not waited for any longer."""


def run(
    kind: str,
    seed: int,
    *,
    events: int = 2000,
    seconds: float = 7,
    faults: int = 6,
    stop: Flag | None = None,
    keep: Path | None = None,
) -> Outcome:
    """Publish so many events in so many seconds, with so many faults meanwhile, and return what became of them.

    Its files stay in `keep`, if that is given. Raises InterruptedError soon after `stop` is set.
    """
    with TemporaryDirectory(prefix="chaos-") as temporary:
        return _Run(kind, seed, stop or Flag(), (keep or Path(temporary)) / f"{kind}-{seed}").run(
            events, seconds, faults
        )


class _Run:
    def __init__(self, kind: str, seed: int, stop: Flag, directory: Path) -> None:
        self._kind = kind
        self._seed = seed
        self._stop = stop
        self._random = Random(f"{kind} {seed}")
        self._system = System(kind, seed, self._random.choice([2, 3]), directory)
        self._attempted: set[str] = set()
        self._accepted: set[str] = set()
        self._refused = 0

    def run(self, events: int, seconds: float, faults: int) -> Outcome:
        began = monotonic()
        with self._system.running():
            if not self._until(self._system.has_group):
                raise TimeoutError(f"{self._kind} {self._seed}: no replica has made its group")
            # The loss of the group brings everything back, also what another fault has lost; and what is taken out of
            # the stream cannot be lost. So neither comes in every run.
            possible = {
                "lease lost": self._kind == "ordered",
                "group lost": self._seed % 3 == 0,
                "stream deleted": self._seed % 3 == 1,
                "stream trimmed": self._seed % 3 == 1,
            }
            names = [name for name in (PLAIN if self._kind == "plain" else FAULTS) if possible.get(name, True)]
            for _ in range(faults):
                fault = partial(self._happen, self._random.choice(names), Random(self._random.random()))
                self._system.later(self._random.uniform(0.5, seconds), fault)
            self._publish(list(_numbered(events, self._random)), seconds)
            self._wait_for_all()
            return self._outcome(monotonic() - began)

    def _happen(self, name: str, random: Random) -> None:
        try:
            FAULTS[name](self._system, random)
            self._system.note(name)
        except redis.RedisError:  # Valkey is down just now
            self._system.later(0.3, partial(self._happen, name, random))

    def _publish(self, events: list[Event], seconds: float) -> None:
        """Publish past the proxy, at an even pace; a batch that is not surely accepted is published again."""
        began = monotonic()
        with RedisBroker(self._system.url) as broker:
            for start in range(0, len(events), BATCH):
                batch = events[start : start + BATCH]
                self._attempted |= {event.id for event in batch}
                while not self._attempted <= self._accepted:
                    self._tend()
                    if monotonic() - began >= seconds * start / len(events):
                        try:
                            broker.publish_all(batch, channel="main", stream=STREAM)
                        except redis.RedisError as error:
                            self._refused += isinstance(error, redis.OutOfMemoryError)
                        else:
                            self._accepted |= {event.id for event in batch}

    def _wait_for_all(self) -> None:
        """Wait until every event is handled or dead, or nothing more is to be expected: a busy machine takes long."""
        quiet = QUIET if self._kind == "plain" else DEADLINE
        missing, since = len(self._accepted), monotonic()
        while missing and monotonic() < since + quiet:
            self._tend()
            sleep(0.2)
            settled = {record.event for record in self._records()} | self._dead() | self._system.removed.keys()
            if len(self._accepted - settled) < missing:
                missing, since = len(self._accepted - settled), monotonic()

    def _until(self, condition: Callable[[], bool]) -> bool:
        end = monotonic() + DEADLINE
        while not condition() and monotonic() < end:
            self._tend()
        return monotonic() < end

    def _tend(self) -> None:
        if self._stop.is_set():
            raise InterruptedError
        self._system.tend()
        sleep(0.01)

    def _records(self) -> list[Record]:
        files = (self._system.directory / "records").iterdir()
        return [Record.read(line) for file in files for line in file.read_text().splitlines()]

    def _dead(self) -> set[str]:
        letters: Any = []
        with suppress(redis.RedisError):
            letters = self._system.redis.xrange(DEAD)
        return {self._event_of(of) for _, of in letters if of[b"subscription"] == SUBSCRIPTION.encode()}

    def _event_of(self, letter: dict[bytes, bytes]) -> str:
        """Return the event that a letter is about. It is empty if the entry vanished before its bytes were read."""
        content, entry = letter[b"__data__"], letter[b"entry"].decode()
        return str(json.loads(content)["id"]) if content else self._system.entries_removed[entry]

    def _outcome(self, seconds: float) -> Outcome:
        records, dead = self._records(), self._dead()
        again = causes(records, self._system.incidents)
        numbers = fates(
            self._accepted,
            handled={record.event for record in records},
            dead=dead,
            removed={*self._system.removed},
            poison={event for event in self._accepted if poison(self._seed, event)},
        )
        numbers["attempted"] = len(self._attempted)
        numbers["duplicated"] = again.total()
        numbers["out of order"] = out_of_order(records, dead, self._system.removed)
        numbers["seconds"] = round(seconds)
        if self._kind != "plain":
            numbers["wrong why"] = self._wrong_verdicts()
        return Outcome(self._kind, str(self._seed), numbers, again, self._faults())

    def _wrong_verdicts(self) -> int:
        """Ask why of some events, and count what does not agree with what is known here."""

        def known() -> explanations.Known:
            return explanations.Known({record.event for record in self._records()}, self._dead(), self._system.removed)

        sample = explanations.sample_of(self._accepted, known(), Random(self._seed))
        found = explanations.wrong(self._system.url, sample, known, self._tend)
        for what in found:
            self._system.note(f"wrong why: {what}")
        return found.total()

    def _faults(self) -> Counter[str]:
        """Count what befell the system, and what the handler did."""
        file = self._system.directory / "misbehaved"
        misbehaved = file.read_text().splitlines() if file.exists() else []
        befell = Counter(name for _, name in self._system.incidents)
        return befell | Counter(f"handler {what}" for what in misbehaved) | Counter({"batch refused": self._refused})


def _numbered(events: int, random: Random) -> Iterator[Event]:
    numbers: Counter[str] = Counter()
    for _ in range(events):
        subject = f"subject-{random.randrange(SUBJECTS)}"
        numbers[subject] += 1
        yield Event(id=f"{subject}-{numbers[subject]}", type="chaos.numbered", source="chaos", subject=subject, data={})
