"""What a subscriber does for the kept events beside handling them: it shows life, looks how far it is, and trims."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from qontract.application.delivery.subscription import Subscription
from qontract.application.ports.event_log import EventLog, EventLogError, Measures, PlaceLostError
from qontract.application.ports.event_log_connection import EventLogConnection, Trimmed
from qontract.entrypoints import metrics
from qontract.entrypoints.settings.groups import SubscriberSettings

log = logging.getLogger(__name__)

T = TypeVar("T")

BEHIND_SECONDS = 900.0
"""How old the oldest event may be that is not acknowledged, until its subscription is called behind."""
_STEP_SECONDS = 5.0
_MAX_ABANDONED = 100
_NOT_MADE = Measures(lag=0, pending=0, oldest_seconds=0, dead_letters=0, replicas=0)
"""Of a subscription that is not there: who leads it makes it first."""


class StreamMaintenance:
    """Keeps the stream bounded, and knows which subscriptions make no progress, also those that another replica leads.

    `unattended`: events wait, and no replica has read for a while; or the subscription is not even made. `behind`: an
    event is not acknowledged for long.
    """

    def __init__(
        self,
        connection: EventLogConnection,
        subscriptions: Sequence[Subscription],
        settings: SubscriberSettings,
    ) -> None:
        self._connection = connection
        self._subscriptions = subscriptions
        self._names = tuple(subscription.name for subscription in subscriptions)
        self._settings = settings
        self._unanswered: dict[str, str] = {}
        self._unread: set[str] = set()
        self._old: set[str] = set()
        self._abandoned: set[str] = set()
        self.unattended: set[str] = set()
        self.behind: set[str] = set()

    async def run(self) -> None:
        """Work until it is cancelled. What the event log refuses is said once, and tried again at the next step."""
        views = {each.name: self._connection.of(each.name, each.handler) for each in self._subscriptions}
        while True:
            for _ in range(2):
                show = partial(self._connection.show_alive, self._names)
                await self._ask("subscriptions cannot be shown as running; it is tried again", show)
                await self._look(views)
                await asyncio.sleep(min(_STEP_SECONDS, self._settings.retention_seconds / 2))
            trimmed = await self._ask("stream cannot be trimmed; it is tried again", self._trim)
            if trimmed is None:
                metrics.TRIM_FAILED.inc()
            else:
                self._trimmed(trimmed)

    async def _ask(self, message: str, question: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """Return the answer, or None if there is none. Another error than the last time is logged, with the message."""
        try:
            answer = await question()
        except EventLogError as error:
            if self._unanswered.get(message) != str(error):
                log.error(message, extra={"error": str(error)})  # noqa: TRY400 - the line says it all
            self._unanswered[message] = str(error)
            return None
        self._unanswered.pop(message, None)
        return answer

    async def _look(self, views: dict[str, EventLog]) -> None:
        """Look at each subscription; what is so at two looks is logged: a replica may just have begun to work."""
        unread, old = set(), set()
        for name, view in views.items():
            measured = await self._ask("subscriptions cannot be measured; it is tried again", partial(_measured, view))
            if measured and _is_unread(measured, self._settings.claim_seconds):
                unread.add(name)
            if measured and measured.oldest_seconds > BEHIND_SECONDS:
                old.add(name)
        unattended, behind = unread & self._unread, old & self._old
        _log_each(unattended - self.unattended, "subscription is unattended; events wait, and no replica reads it")
        _log_each(behind - self.behind, "subscription is behind")
        self._unread, self._old, self.unattended, self.behind = unread, old, unattended, behind

    async def _trim(self) -> Trimmed:
        return await self._connection.trim(self._settings.retention_seconds, self._settings.abandoned_seconds)

    def _trimmed(self, trimmed: Trimmed) -> None:
        if trimmed.events:
            metrics.TRIMMED.inc(trimmed.events)
            log.info("events trimmed", extra={"count": trimmed.events})
        abandoned = {*trimmed.abandoned[:_MAX_ABANDONED]} | {*self._names} & {*trimmed.abandoned}
        _log_each(abandoned - self._abandoned, "subscription is abandoned; its events are kept no longer")
        for name in self._abandoned | abandoned | {*self._names}:
            metrics.ABANDONED.labels(name).set(int(name in abandoned))
        self._abandoned = abandoned


async def _measured(view: EventLog) -> Measures:
    try:
        return await view.measures()
    except PlaceLostError:
        return _NOT_MADE


def _is_unread(measured: Measures, claim_seconds: float) -> bool:
    """Say whether events wait longer than a dead leader's lease, and the next one's first read, can take."""
    waits = measured.lag + measured.pending > 0 and measured.oldest_seconds > 2 * claim_seconds
    return measured is _NOT_MADE or (waits and measured.replicas == 0)


def _log_each(names: set[str], message: str) -> None:
    for name in sorted(names):
        log.error(message, extra={"subscription": name})
