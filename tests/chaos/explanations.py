"""What `why` says of some events after a run, beside what the harness knows of them."""

import json
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from time import monotonic

from qontract.adapters.cloudevents import CloudEventsEventFormat
from qontract.adapters.redis import RedisDeadLetters, RedisDeliveryStates, RedisKeptEvents, RedisSubscriptions
from qontract.application.inspection.event_explanations import EventExplanations, Stores
from qontract.application.ports.kept_events import KeptEventsError
from qontract.application.ports.subscriptions import SubscriptionsError
from qontract.domain.explanations import Verdict
from tests.chaos.system import STREAM, SUBSCRIPTION

SAMPLE, RARE = 50, 10
SETTLES = 60.0
"""Seconds within which nothing waits any more: what was handled by a replica that died is handled again."""


@dataclass(frozen=True)
class Known:
    """The ids of events of which the harness knows that they were handled, died, or were taken out of the stream."""

    handled: Collection[str]
    dead: Collection[str]
    removed: Collection[str]

    def right(self, event: str) -> set[Verdict]:
        """Return the verdicts that agree with it.

        What was handled by a replica that died before the acknowledgement may be dead or removed for all that qontract
        can know.
        """
        right = {Verdict.HANDLED} if event in self.handled else set()
        right |= {Verdict.DEAD_LETTERED} if event in self.dead else set()
        return right | ({Verdict.EXPIRED} if event in self.removed else set())


def why_of(url: str) -> EventExplanations:
    kept = RedisKeptEvents(url, stream=STREAM)
    subscriptions = RedisSubscriptions(url, channel="main", stream=STREAM)
    states = RedisDeliveryStates(url, channel="main", stream=STREAM, source="chaos")
    letters = RedisDeadLetters(url, channel="main", stream=STREAM)
    return EventExplanations(Stores(kept, subscriptions, states, letters, CloudEventsEventFormat("chaos")))


def sample_of(accepted: Collection[str], known: Known, random: Random) -> list[str]:
    """Return some events, and among them of those that are rare."""
    rare = [event for some in (known.dead, known.removed) for event in sorted({*some} & {*accepted})]
    chosen = {*random.sample(rare, min(len(rare), 2 * RARE))}
    rest = sorted({*accepted} - chosen)
    return sorted(chosen | {*random.sample(rest, min(len(rest), SAMPLE - len(chosen)))})


def wrong(url: str, sample: Collection[str], known: Callable[[], Known], tend: Callable[[], None]) -> Counter[str]:
    """Return how often each verdict disagrees with what is known in the end."""
    why, end = why_of(url), monotonic() + SETTLES
    left = [*sample]
    while left:
        said = {event: _verdict(why, event) for event in left}
        now = known()
        left = [event for event, verdict in said.items() if verdict not in now.right(event)]
        if monotonic() > end or not any(_may_change(said[event]) for event in left):
            return Counter(f"{json.dumps(sorted(now.right(event)))}: {said[event]}" for event in left)
        tend()
    return Counter()


def _verdict(why: EventExplanations, event: str) -> Verdict | str:
    with suppress(KeptEventsError, SubscriptionsError):
        explanation = why.event(event, "chaos")
        found = [one for one in explanation.findings if one.subscription == SUBSCRIPTION] if explanation else []
        return found[0].verdict if found else "nothing"
    return "no answer"


def _may_change(verdict: Verdict | str) -> bool:
    return verdict in {"nothing", "no answer"} or (isinstance(verdict, Verdict) and verdict.waits)
