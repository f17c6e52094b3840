"""Recovery: what is done again and again beside the jobs, so that no event of what was done is lost."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from qontract.application.event_manager import EventManager
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.integration import IntegrationError
from qontract.application.ports.intents import IntentsError
from qontract.application.ports.job_queue import JobQueue, JobQueueError
from qontract.application.reconcile import AnyIntegration, recover

log = logging.getLogger(__name__)

PAUSE = timedelta(minutes=1)
"""Until a scope that could not be recovered is looked at again."""


def recover_all(
    events: EventManager | None,
    jobs: JobQueue,
    integrations: Mapping[str, AnyIntegration],
    *,
    later: dict[str, datetime],
) -> None:
    """Run again the jobs of dead workers, republish what is spooled, and resolve old intents that nobody works on.

    It never raises. An intent is looked into when its call has been carried out, or will not be. `later` says when a
    scope that could not be recovered is looked at again: each call is given the same.
    """
    try:
        jobs.resubmit_lost()
    except JobQueueError as error:
        log.debug("lost jobs cannot be found; they are looked for again", extra={"error": str(error)})
    if events is None:
        return
    try:
        pending = events.pending()
    except IntentsError as error:
        log.debug("intents cannot be read; they are read again", extra={"error": str(error)})
        pending = {}
    try:
        events.flush()
    except (EventPublisherError, IntentsError) as error:  # a damaged spool keeps back no intent that Redis has
        log.debug("spooled events cannot be republished; they are tried again", extra={"error": str(error)})
    now = datetime.now(UTC)
    for lock, waiting in pending.items():
        integration = integrations.get(lock.partition("/")[0])
        doubt = timedelta(seconds=integration.in_doubt_seconds if integration else 0)
        if max(event.time for event in waiting) >= now - doubt or later.get(lock, now) > now:
            continue
        later[lock] = now + PAUSE
        if integration is None:
            log.warning("intents stay pending; their integration is not installed", extra={"lock": lock})
            continue
        try:
            with jobs.locked(lock) as free:
                if free:
                    recover(lock, integration=integration, events=events)
        except Exception as error:
            expected = isinstance(error, IntentsError | JobQueueError | IntegrationError)
            log.warning("intents not resolved yet", extra={"lock": lock, "error": str(error)}, exc_info=not expected)
