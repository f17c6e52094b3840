"""A window of published events, with a server and a clock that a test changes."""

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryReplicationHistory
from qontract.application.failover_replay import FailoverReplay
from qontract.domain.events import DomainEvent
from qontract.domain.replication_position import ReplicationPosition


class Site:
    """A window, its server, a clock that stands still, and what was counted."""

    def __init__(self, max_events: int = 10_000, max_bytes: int = 2**24) -> None:
        self.now = 1000.0
        self.server = InMemoryReplicationHistory()
        self.publisher = InMemoryEventPublisher()
        self.begun = 0
        self.again: list[int] = []
        self.forgotten: list[int] = []
        self.window = FailoverReplay(
            self.publisher,
            self.server,
            max_events=max_events,
            max_bytes=max_bytes,
            clock=lambda: self.now,
            watch=self._watch,
            count_again=self.again.append,
            count_forgotten=self.forgotten.append,
        )

    def _watch(self, _: FailoverReplay) -> None:
        self.begun += 1

    def publish(self, *numbers: int) -> None:
        self.window.publish([an_event(number) for number in numbers])

    def elsewhere(self, number: int, replication_id: str) -> None:
        """Let somebody else publish an event, on a server that has this history and not the event any more."""
        self.window.remember(self.publisher.encode([an_event(number)]), replication_id)

    def fail_over(self, run: str = "second") -> None:
        """Lose all that is published, and what is known of it, as a replica does that was behind."""
        self.server.history = ReplicationPosition(run, run, 0)
        self.publisher.events.clear()
        self.publisher._known.clear()

    @property
    def numbers(self) -> list[object]:
        return [event.model_dump()["data"]["number"] for event in self.publisher.events]

    @property
    def remembered(self) -> int:
        return len(self.window._events)


def an_event(number: int) -> DomainEvent:
    return DomainEvent(type="a.b", subject="one", data={"number": number, "text": "x" * 10})
