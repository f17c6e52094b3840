"""Intents that an earlier run left pending: what the state shows of their actions is published."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from qontract.application import tracing
from qontract.application.event_manager import EventManager
from qontract.application.ports.integration import AnyIntegration
from qontract.application.ports.intents import INTENT_ID
from qontract.domain.events import DomainEvent
from qontract.domain.integration import Action

log = logging.getLogger(__name__)


def recover(lock: str, *, integration: AnyIntegration, events: EventManager) -> None:
    """Publish the events of actions that dead runs applied in the scope of this lock, and did not publish.

    The caller holds the lock. Raises IntegrationError or IntentsError.
    """
    scope = lock.partition("/")[2]
    with tracing.resolving(integration.name, scope):
        state = integration.read(scope)
        resolve(events.pending().get(lock, ()), state, integration, events)


def resolve(
    pending: Sequence[DomainEvent], state: object, integration: AnyIntegration, events: EventManager
) -> Sequence[DomainEvent]:
    """Publish the events of the intents whose actions the state shows as applied, and drop the others.

    Return the published events.
    """
    applied: list[DomainEvent] = []
    published: list[DomainEvent] = []
    not_applied: list[DomainEvent] = []
    for event in pending:
        if not isinstance(event.data, Action) or not isinstance(event, integration.events):
            log.error("intent is of another version; it stays pending", extra={"event_id": event.id})
            continue
        action: Action | None = integration.observed(event.data, state)
        (applied if action else not_applied).append(event)
        published += [_observed(event, action)] if action else []
        log.warning("intent resolved", extra={"event_id": event.id, "outcome": "applied" if action else "not applied"})
    events.resolve(applied, not_applied, events=published)
    return published


def _observed(event: DomainEvent, action: Action) -> DomainEvent:
    """Return the event of what the state shows of its action.

    If that is a part, it is an event of its own, of now: who applied the action may still publish all of it. It names
    the intent, which is removed in the same step: if it came back, a later state would show what others did since.
    """
    if action == event.data:
        return event
    part = str(uuid5(NAMESPACE_URL, event.id + action.model_dump_json()))
    extensions = event.extensions | {INTENT_ID: event.id}
    return event.model_copy(update={"data": action, "id": part, "time": datetime.now(UTC), "extensions": extensions})
