"""Port: what an integration implements to react to events."""

from abc import abstractmethod
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from qontract.domain.events import DomainEvent

attempt: ContextVar[int] = ContextVar("attempt", default=1)
"""Which attempt at the event this is, from 1, while a handler runs."""


class NotNow(Exception):  # noqa: N818 - an answer of the handler, and no error
    """Raised by a handler that is to be asked again after some seconds; it does not count as an attempt."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not now, in {seconds:g} s")
        self.seconds = seconds


class Never(Exception):  # noqa: N818 - as above
    """Raised by a handler that will never handle this event: it goes to the dead letters at once."""


@dataclass(frozen=True)
class Policy:
    """How a handler is given its events. All times are in seconds.

    `shared`: replicas compete for events. Otherwise one replica works, and events of one subject are handled in order.
    `concurrency`: how many are handled at once; in order, of that many subjects.
    `attempts`: after the last one the event goes to the dead letters.
    `pause`: before the second attempt; it doubles for each further one up to `longest_pause`, less a random part.
    `timeout`: how long one attempt may take.
    `once_for`: how long the id of a handled event is remembered, so that it is not handled again; 0: it is not.
    """

    shared: bool = False
    concurrency: int = 10
    attempts: int = 10
    pause: float = 1.0
    longest_pause: float = 300.0
    timeout: float = 60.0
    once_for: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense. Raises ValueError."""
        if self.concurrency < 1 or self.attempts < 1:
            raise ValueError("a policy needs at least one attempt, and one at once")
        if min(self.pause, self.longest_pause, self.once_for) < 0 or self.timeout <= 0:
            raise ValueError("the times of a policy are seconds, and not negative")


class EventHandler(Protocol):
    """Reacts to events.

    - `types` says which it wants: wire names, `*` standing for any text (`qontract-api.slack-usergroups.*`, `*`).
    - `handle` is awaited once for each such event, at least: after a failure or a crash it is called again with the
      same event, of the same `id`, as `policy` says. `attempt` tells how many times it has been.
    - Returning means handled. NotNow and Never say what they say. Any other exception is a failed attempt.
    - An event of a type that has no class is a plain DomainEvent, its `data` a dict.
    """

    types: tuple[str, ...] = ("*",)
    policy: Policy = Policy()

    @abstractmethod
    async def handle(self, event: DomainEvent) -> None:
        """React to one event."""
