"""Port: a handler, which reacts to events."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, get_args, get_origin

from typing_extensions import TypeVar

from qontract.domain.events import DomainEvent, wire_name

E_contra = TypeVar("E_contra", bound=DomainEvent, contravariant=True, default=DomainEvent)


class RetryLater(Exception):  # noqa: N818 - an answer of the handler, not an error
    """A handler raises it to get the event again after some seconds. This does not count as an attempt."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"retry in {seconds:g} s")
        self.seconds = seconds


class Reject(Exception):  # noqa: N818 - as above
    """A handler raises it if it will never handle this event: the event is dead-lettered at once."""


@dataclass(frozen=True)
class Policy:
    """How events are delivered to a handler. All times are in seconds.

    - `shared`: all replicas compete for events. Otherwise one replica works, and events of one order key come in order.
    - `concurrency`: how many events are handled at once; if not shared, events of that many order keys.
    - `max_attempts`: an event that fails so often is dead-lettered.
    - `backoff`: the wait before the second attempt. It doubles before each further one, up to `max_backoff`, less a
      random part.
    - `timeout`: how long one attempt may take.
    - `dedupe_for`: how long a handled event is remembered, so that the same event is not handled again; 0: not at all.
    """

    shared: bool = False
    concurrency: int = 10
    max_attempts: int = 10
    backoff: float = 1.0
    max_backoff: float = 300.0
    timeout: float = 60.0
    dedupe_for: float = 0.0

    def __post_init__(self) -> None:
        """Check the values. Raises ValueError."""
        if self.concurrency < 1 or self.max_attempts < 1:
            raise ValueError("a policy needs a concurrency and max_attempts of at least 1")
        if min(self.backoff, self.max_backoff, self.dedupe_for) < 0 or self.timeout <= 0:
            raise ValueError("the times of a policy are seconds, and not negative")


class Delivery:
    """One attempt to handle an event. `subscription` is the name of the subscription; `attempt` counts from 1."""

    __slots__ = ("_publish", "attempt", "event", "published", "subscription")

    def __init__(
        self,
        subscription: str,
        event: DomainEvent,
        attempt: int,
        publish: Callable[["Delivery", DomainEvent], Awaitable[None]],
    ) -> None:
        self.subscription = subscription
        self.event = event
        self.attempt = attempt
        self.published: list[DomainEvent] = []
        self._publish = publish

    async def publish(self, event: DomainEvent) -> None:
        """Publish a follow-up event. The event that is being handled is its cause.

        The follow-up event gets the correlation id of its cause, and the id of its cause as causation id; the source of
        the subscription; and an id that is the same in each attempt, so that a retry publishes nothing twice.
        Attributes that the event already has stay. If it cannot be published now, it is spooled.

        Raises ValueError if it is not a valid CloudEvent, and Reject if the chain of follow-up events is too long.
        """
        await self._publish(self, event)


class EventHandler(Protocol[E_contra]):
    """Reacts to events.

    - `types` has the event types that it wants; `*` stands for any text (`qontract-api.slack-usergroups.*`, `*`).
      `EventHandler[UsergroupCreated]` wants the type of that class, and gets only events that fit the class: other
      events of the type are dead-lettered. Several classes are written as a union.
    - `handle` is awaited at least once for each such event. After a failure or a crash it is called again with the same
      event, which has the same `id`, as `policy` says. `delivery` has the number of the attempt, and publishes
      follow-up events.
    - If it returns, the event is handled. It may raise RetryLater or Reject; any other exception is a failed attempt.
    - An event whose type has no class, or that does not fit its class, is a plain DomainEvent.
    - All subscriptions of a process get the same object: a handler must not change it.
    - A handler that is an asynchronous context manager is entered before its first event, and left after its last.
    """

    types: tuple[str, ...] = ("*",)
    policy: Policy = Policy()
    classes: tuple[type[DomainEvent], ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take `classes` from `EventHandler[…]`, and `types` too unless the subclass has its own."""
        super().__init_subclass__(**kwargs)
        for base in cls.__dict__.get("__orig_bases__", ()):
            if get_origin(base) is EventHandler:
                [wanted] = get_args(base)
                parts = get_args(wanted) or (wanted,)
                classes = tuple(part for part in parts if isinstance(part, type) and issubclass(part, DomainEvent))
                if classes and DomainEvent not in classes:
                    cls.classes = classes
                    cls.types = cls.__dict__.get("types", tuple(wire_name(part) for part in classes))

    @abstractmethod
    async def handle(self, event: E_contra, delivery: Delivery) -> None:
        """React to one event."""
