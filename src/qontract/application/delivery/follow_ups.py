"""Follow-up events: events that handlers publish."""

import asyncio
from uuid import UUID, uuid5

from qontract.application import tracing
from qontract.application.event_manager import EventManager
from qontract.application.ports.async_event_publisher import AsyncEventPublisher
from qontract.application.ports.event_handler import Delivery, Reject
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.domain.events import DomainEvent

MAX_CHAIN_LENGTH = 20
"""The longest chain of follow-up events. A handler that gets what it publishes would never end otherwise."""

_NAMES = UUID("0d6d1a5e-6a3c-4a53-9f0e-8f3c6f1f7c55")
_INHERITED = ("authtype", "authid")
_HOPS = "hops"


def follow_up(event: DomainEvent, delivery: Delivery, source: str) -> DomainEvent:
    """Return the event as a follow-up of the delivered one; see `Delivery.publish`.

    Its extension `hops` says how many follow-up events the chain has so far. Raises Reject above MAX_CHAIN_LENGTH.
    """
    cause = delivery.event
    before = cause.extensions.get(_HOPS, 0)
    hops = 1 + (before if isinstance(before, int) else 0)
    if hops > MAX_CHAIN_LENGTH:
        raise Reject(f"event refused: it would be number {hops} in a chain of follow-up events ({event.type})")
    inherited = {name: cause.extensions[name] for name in _INHERITED if name in cause.extensions}
    changes: dict[str, object] = {
        "source": event.source or f"{source}/{delivery.subscription}",
        "correlation_id": event.correlation_id or cause.correlation_id,
        "extensions": inherited | {"causationid": cause.id} | event.extensions | {_HOPS: hops},
    }
    if "id" not in event.model_fields_set:
        same = sum(1 for other in delivery.published if (other.type, other.subject) == (event.type, event.subject))
        parts = (cause.source, cause.id, delivery.subscription, event.type, event.subject, same)
        changes["id"] = str(uuid5(_NAMES, "\0".join(map(str, parts))))
    return event.model_copy(update=changes)


class FollowUpPublisher:
    """Publishes follow-up events, and spools those that cannot be published now.

    `events` publishes on a thread after the spooled events, and never fails; None: events are disabled, and nothing is
    published. The source of a follow-up event is `source`, a slash, and the name of the subscription.
    """

    def __init__(self, publisher: AsyncEventPublisher, events: EventManager | None, *, source: str) -> None:
        self._publisher = publisher
        self._events = events
        self._source = source

    async def publish(self, delivery: Delivery, event: DomainEvent) -> None:
        """Publish the event as a follow-up of the delivery. Raises ValueError if it is no CloudEvent, and Reject."""
        made = tracing.with_creation_span(follow_up(event, delivery, self._source))
        delivery.published.append(event)
        if self._events and (self._events.behind or not await self._published(made)):
            await asyncio.to_thread(self._events.publish_event, made)

    async def _published(self, event: DomainEvent) -> bool:
        try:
            await self._publisher.publish([event])
        except EventPublisherError as error:
            if error.refused:
                raise ValueError(str(error)) from error
            return False
        return True
