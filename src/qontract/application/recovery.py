"""Recovery: a loop in each worker that runs lost jobs again, republishes spooled events, and resolves intents."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from qontract.application.event_manager import EventManager
from qontract.application.pending_intents import recover
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.integration import AnyIntegration, IntegrationError
from qontract.application.ports.intents import IntentsError
from qontract.application.ports.job_queue import JobQueue, JobQueueError
from qontract.domain.events import DomainEvent

log = logging.getLogger(__name__)

PAUSE = timedelta(minutes=1)
"""How long a scope is left alone after its intents were looked at."""


def recover_all(
    events: EventManager | None,
    jobs: JobQueue,
    integrations: Mapping[str, AnyIntegration],
    *,
    later: dict[str, datetime],
) -> None:
    """Run the jobs of dead workers again, republish spooled events, and resolve old intents. It never raises.

    An intent is resolved when it is so old that its call has either taken effect, or never will. `later` says when each
    scope may be looked at again: pass the same dictionary to each call.
    """
    _resubmit_lost(jobs)
    if events is None:
        return
    pending = _pending(events)
    _flush(events)
    now = datetime.now(UTC)
    for lock, intents in pending.items():
        integration = integrations.get(lock.partition("/")[0])
        doubt = timedelta(seconds=integration.in_doubt_seconds if integration else 0)
        if max(event.time for event in intents) >= now - doubt or later.get(lock, now) > now:
            continue
        later[lock] = now + PAUSE
        if integration is None:
            log.warning("intents stay pending; their integration is not installed", extra={"lock": lock})
        else:
            _resolve(lock, integration, events, jobs)


def _resubmit_lost(jobs: JobQueue) -> None:
    try:
        jobs.resubmit_lost()
    except JobQueueError as error:
        log.debug("lost jobs cannot be looked for; it is tried again", extra={"error": str(error)})


def _pending(events: EventManager) -> Mapping[str, Sequence[DomainEvent]]:
    try:
        return events.pending()
    except IntentsError as error:
        log.debug("intents cannot be read; they are read again", extra={"error": str(error)})
        return {}


def _flush(events: EventManager) -> None:
    try:
        events.flush()
    except (EventPublisherError, IntentsError) as error:  # a damaged spool holds up no intent that Redis has
        log.debug("spooled events cannot be republished; they are tried again", extra={"error": str(error)})


def _resolve(lock: str, integration: AnyIntegration, events: EventManager, jobs: JobQueue) -> None:
    """Resolve the intents of a scope, unless a job works on it now."""
    try:
        with jobs.locked(lock) as free:
            if free:
                recover(lock, integration=integration, events=events)
    except Exception as error:
        expected = isinstance(error, IntentsError | JobQueueError | IntegrationError)
        log.warning("intents not resolved yet", extra={"lock": lock, "error": str(error)}, exc_info=not expected)
