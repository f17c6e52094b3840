"""Port: what an integration implements to react to events."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, get_args, get_origin

from typing_extensions import TypeVar

from qontract.domain.events import DomainEvent, wire_name

E_contra = TypeVar("E_contra", bound=DomainEvent, contravariant=True, default=DomainEvent)


class RetryLater(Exception):  # noqa: N818 - an answer of the handler, and no error
    """Raised by a handler that is to be asked again after some seconds; it does not count as an attempt."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"retry in {seconds:g} s")
        self.seconds = seconds


class Reject(Exception):  # noqa: N818 - as above
    """Raised by a handler that will never handle this event: it is dead-lettered at once."""


@dataclass(frozen=True)
class Policy:
    """How a handler is given its events. All times are in seconds.

    `shared`: replicas compete for events. Otherwise one replica works, and events of one order key come in order.
    `concurrency`: how many are handled at once; in order, of that many keys.
    `max_attempts`: after the last one the event is dead-lettered.
    `backoff`: before the second attempt; it doubles for each further one up to `max_backoff`, less a random part.
    `timeout`: how long one attempt may take.
    `dedupe_for`: how long a handled event is remembered, so that it is not handled again; 0: it is not.
    """

    shared: bool = False
    concurrency: int = 10
    max_attempts: int = 10
    backoff: float = 1.0
    max_backoff: float = 300.0
    timeout: float = 60.0
    dedupe_for: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense. Raises ValueError."""
        if self.concurrency < 1 or self.max_attempts < 1:
            raise ValueError("a policy needs a concurrency and max_attempts of at least 1")
        if min(self.backoff, self.max_backoff, self.dedupe_for) < 0 or self.timeout <= 0:
            raise ValueError("the times of a policy are seconds, and not negative")


class Delivery:
    """One attempt to handle an event: what a handler is given beside the event itself.

    `subscription` is the name of the subscription; `attempt` counts from 1.
    """

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
        """Publish a follow-up event, whose cause is the event that is being handled.

        It gets that event's correlation id and causation id; the subscription's own source; and an id that is the same
        in each attempt, so that a retry publishes nothing twice. What the event itself names, it keeps. An event that
        cannot be published now is spooled.

        Raises ValueError for what is no CloudEvent, and Reject at the end of a chain of too many follow-up events.
        """
        await self._publish(self, event)


class EventHandler(Protocol[E_contra]):
    """Reacts to events.

    - `types` says which it wants: wire names, `*` standing for any text (`qontract-api.slack-usergroups.*`, `*`).
      `EventHandler[UsergroupCreated]` wants the type of that class, and gets only events that fit it: others of the
      type are dead-lettered. Several classes are written as a union.
    - `handle` is awaited once for each such event, at least: after a failure or a crash it is called again with the
      same event, of the same `id`, as `policy` says. `delivery` tells which attempt it is, and publishes follow-ups.
    - Returning means handled. RetryLater and Reject say what they say. Any other exception is a failed attempt.
    - An event of a type that has no class, or that does not fit it, is a plain DomainEvent.
    - An event is one object for all subscriptions of a process: a handler changes nothing in it.
    - A handler that is an asynchronous context manager is entered before its first event, and left after the last.
    """

    types: tuple[str, ...] = ("*",)
    policy: Policy = Policy()
    classes: tuple[type[DomainEvent], ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take `types` and `classes` from the event class in `EventHandler[…]`, unless the subclass names types."""
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
