"""In memory: the redrives of groups of dead letters."""

from uuid import uuid4

from qontract.adapters.memory import faults
from qontract.adapters.memory.event_store import InMemoryEventStore
from qontract.application.ports.redrive_runs import RedriveRuns, Run, Unacknowledged


class InMemoryRedriveRuns(RedriveRuns):
    """The runs in which dead letters of `events` are redriven."""

    fail = faults.fail

    def __init__(self, events: InMemoryEventStore) -> None:
        self._events = events

    def begin(self, group: str, subscription: str, by: str) -> Run:
        """Begin a run, or return the one that has not ended."""
        newest = next(reversed(self._events.letters), "")
        with self._events.lock:
            return self._events.runs.setdefault(group, Run(str(uuid4()), group, subscription, newest, by))

    def unacknowledged(self, run: Run) -> Unacknowledged:
        """Return the events of the run that are not acknowledged."""
        with self._events.lock:
            known = self._events.of(run.subscription)
            numbers = [
                number for number, kept in known.redriven.items() if kept.redriven and kept.redriven.run == run.id
            ]
            records = [known.records[number] for number in numbers if number in known.records]
            return Unacknowledged(len(numbers), tuple(record.failures[-1] for record in records if record.failures))

    def end(self, run: Run) -> None:
        """End the run."""
        with self._events.lock:
            if self._events.runs.get(run.group) == run:
                del self._events.runs[run.group]
