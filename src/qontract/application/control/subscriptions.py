"""Use case: look at subscriptions, and pause, resume, move and remove them. The log says who did it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from qontract.application.ports.subscriptions import BusyError, Subscriptions, Target
from qontract.domain.subscriptions import ALIVE_SECONDS, SeekPreview, State, SubscriptionView, state_of

log = logging.getLogger(__name__)


class UnknownSubscriptionError(Exception):
    """There is no subscription with this name."""


@dataclass(frozen=True)
class SubscriptionStatus:
    """A subscription, how well it is, and why."""

    view: SubscriptionView
    state: State
    reason: str


class SubscriptionControl:
    """Controls `subscriptions`. Raises SubscriptionsError, and UnknownSubscriptionError if there is none of this name.

    After `abandoned_seconds` without a sign of life, a subscription does not hold back the trimming of events any more.
    `by` is the person who asks.
    """

    def __init__(self, subscriptions: Subscriptions, *, abandoned_seconds: float) -> None:
        self._subscriptions = subscriptions
        self._abandoned_seconds = abandoned_seconds

    def all(self) -> Sequence[SubscriptionStatus]:
        """Return all subscriptions, by name."""
        return [self._known(view) for view in self._subscriptions.all()]

    def get(self, name: str) -> SubscriptionStatus:
        """Return a subscription."""
        return self._known(self._required(name))

    def pause(self, name: str, *, by: str) -> bool:
        """Pause it: no replica reads it, and running handlers finish. Return whether it was not paused before."""
        self._required(name)
        if done := self._subscriptions.pause(name, by):
            _log("subscription paused", name, by)
        return done

    def resume(self, name: str, *, by: str) -> bool:
        """Resume it: replicas read it again. Return whether it was paused."""
        self._required(name)
        if done := self._subscriptions.resume(name):
            _log("subscription resumed", name, by)
        return done

    def preview(self, name: str, target: Target) -> SeekPreview:
        """Return what `seek` would do."""
        move = self._subscriptions.preview(name, target)
        if move is None:
            raise UnknownSubscriptionError(name)
        return move

    def refusal_of_seek(self, name: str) -> str:
        """Return why `seek` would be refused now, and what to do first; "" if it would not."""
        view = self._required(name)
        return _refusal_of_seek(view.busy, view) if view.leader or not view.paused else ""

    def refusal_of_removal(self, name: str) -> str:
        """Return why `remove` would be refused now, and what to do first; "" if it would not."""
        return _refusal_of_removal(self._required(name).busy)

    def seek(self, name: str, target: Target, *, by: str) -> None:
        """Move its place. Raises BusyError, which says what to do first."""
        try:
            moved = self._subscriptions.seek(name, target)
        except BusyError as error:
            raise BusyError(_refusal_of_seek(str(error), self._required(name))) from None
        if not moved:
            raise UnknownSubscriptionError(name)
        _log("subscription moved", name, by, to=str(target))

    def remove(self, name: str, *, by: str) -> None:
        """Remove it, and all that is known of it but its dead letters. Raises BusyError, which says what to do."""
        try:
            removed = self._subscriptions.remove(name)
        except BusyError as error:
            raise BusyError(_refusal_of_removal(str(error))) from None
        if not removed:
            raise UnknownSubscriptionError(name)
        _log("subscription removed", name, by)

    def _required(self, name: str) -> SubscriptionView:
        view = self._subscriptions.get(name)
        if view is None:
            raise UnknownSubscriptionError(name)
        return view

    def _known(self, view: SubscriptionView) -> SubscriptionStatus:
        return SubscriptionStatus(view, *state_of(view, self._abandoned_seconds))


def _refusal_of_seek(busy: str, view: SubscriptionView) -> str:
    hint = "its handlers at work finish; try again in some seconds" if view.paused else "pause it first"
    return f"{busy}; {hint}" if busy else ""


def _refusal_of_removal(busy: str) -> str:
    hint = f"stop its replicas, or have them leave it out, and try again in {ALIVE_SECONDS:g} s"
    return f"{busy}; {hint}" if busy else ""


def _log(message: str, name: str, by: str, **more: str) -> None:
    log.info(message, extra={"subscription": name, "by": by, **more})
