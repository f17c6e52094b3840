"""What is done again and again beside the jobs, so that nothing that was done stays untold."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from qontract.application.event_manager import EventManager
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.intents import IntentsError
from qontract.application.ports.job_queue import JobQueue, JobQueueError
from qontract.application.ports.slack_workspaces import SlackWorkspacesError

log = logging.getLogger(__name__)

PAUSE = timedelta(minutes=1)
"""Until a scope is looked at again."""

Recoveries = Mapping[str, Callable[[str], None]]
"""What settles the intents of one scope, for each integration by its name: the scope's, up to the first `/`."""


def sweep(
    events: EventManager,
    jobs: JobQueue,
    recoveries: Recoveries,
    *,
    in_doubt_after: timedelta,
    later: dict[str, datetime],
) -> None:
    """Send what is spooled, and settle the intents that nobody works on and that are so old; never raises.

    A call to Slack whose answer was lost has been carried out by then, or will not be. `later` says when a scope that
    could not be settled is looked at again: each sweep is given the same.
    """
    try:
        in_doubt = events.in_doubt()
    except IntentsError as error:
        log.debug("intents cannot be read; they are read again", extra={"error": str(error)})
        in_doubt = {}
    try:
        events.flush()
    except (EventPublisherError, IntentsError) as error:  # a damaged spool keeps back no intent that Redis has
        log.debug("spool cannot be sent; it is sent again", extra={"error": str(error)})
    now = datetime.now(UTC)
    for scope, waiting in in_doubt.items():
        if max(event.time for event in waiting) < now - in_doubt_after and later.get(scope, now) <= now:
            later[scope] = now + PAUSE
            try:
                with jobs.exclusively(scope) as free:
                    if free:
                        recoveries[scope.partition("/")[0]](scope)
            except Exception as error:
                expected = isinstance(error, IntentsError | JobQueueError | SlackWorkspacesError)
                log.warning("not settled yet", extra={"scope": scope, "error": str(error)}, exc_info=not expected)
