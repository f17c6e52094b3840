"""What is published, and not on as many replicas as it has to be: it is spooled too, until it is."""

import logging
from collections.abc import Sequence

import pytest

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryEventSpool, InMemoryIntents
from qontract.application.event_manager import BATCH, EventManager
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.event_spool import EventSpoolError
from qontract.application.ports.intents import IntentsError
from qontract.domain.events import DomainEvent


class Primary(InMemoryEventPublisher):
    """Takes all that is published while it is `there`, and says so if its replicas are too."""

    there = True
    replicas = False

    def publish(self, events: Sequence[DomainEvent]) -> None:
        if not self.there:
            raise EventPublisherError("away")
        super().publish(events)
        if not self.replicas:
            raise EventPublisherError("on 0 of 1 replicas", unreplicated=True)


class Site:
    def __init__(self) -> None:
        self.primary = Primary()
        self.spool, self.unreplicated = InMemoryEventSpool(), InMemoryEventSpool()
        self.intents = InMemoryIntents(self.primary)
        self.not_published: list[int] = []
        self.manager = EventManager(
            self.primary,
            spool=self.spool,
            unreplicated=self.unreplicated,
            intents=self.intents,
            count_not_published=self.not_published.append,
        )

    def publish(self, *numbers: int) -> None:
        assert self.manager.publish_events([an_event(number) for number in numbers])


def an_event(number: int) -> DomainEvent:
    return DomainEvent(type="a.b", source="/here", data={"number": number})


def numbers(events: Sequence[DomainEvent]) -> list[object]:
    return [event.model_dump()["data"]["number"] for event in events]


@pytest.fixture
def site() -> Site:
    return Site()


def test_events_that_replicas_lack_are_published_at_once_and_spooled_too(site: Site) -> None:
    site.publish(0)
    site.publish(1, 2)
    assert numbers(site.primary.events) == [0, 1, 2]
    assert numbers(site.unreplicated.oldest(9)) == [0, 1, 2]
    assert (site.spool.oldest(9), sum(site.not_published), site.manager.behind) == ([], 0, False)
    spooled = site.manager.spooled()
    assert spooled
    assert spooled.events == 3


def test_they_are_sent_again_until_the_replicas_have_them(site: Site) -> None:
    site.publish(*range(BATCH + 1))
    with pytest.raises(EventPublisherError, match="on 0 of 1 replicas"):
        site.manager.flush()
    assert len(site.unreplicated.oldest(999)) == BATCH + 1
    site.primary.replicas = True
    assert site.manager.flush() == BATCH + 1
    assert site.unreplicated.oldest(9) == []
    assert numbers(site.primary.events) == list(range(BATCH + 1))


def test_what_the_primary_lost_meanwhile_is_published_by_it_in_order(site: Site) -> None:
    site.publish(0, 1)
    site.primary.events.clear()
    site.primary._known.clear()
    site.primary.replicas = True
    site.manager.flush()
    assert numbers(site.primary.events) == [0, 1]


def test_newer_events_do_not_wait_for_replicas_of_older_ones_however_many_they_are(site: Site) -> None:
    site.publish(*range(3 * BATCH))
    site.publish(3 * BATCH)
    assert numbers(site.primary.events) == list(range(3 * BATCH + 1))


def test_what_waited_for_the_primary_waits_for_its_replicas_when_that_is_back(site: Site) -> None:
    site.primary.there = False
    site.publish(0)
    site.primary.there = True
    site.publish(1)
    assert numbers(site.primary.events) == [0, 1]
    assert (site.spool.oldest(9), numbers(site.unreplicated.oldest(9))) == ([], [0, 1])


def test_one_line_says_that_replicas_lack_events_and_one_that_they_have_them(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for number in range(5):
        site.publish(number)
    site.primary.replicas = True
    site.publish(5)
    assert [record.message for record in caplog.records] == ["replicating fails", "replicating works again"]


def test_a_spool_that_takes_nothing_does_not_make_a_published_event_a_lost_one(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.unreplicated.fail("append", EventSpoolError("full"))
    site.publish(0)
    assert numbers(site.primary.events) == [0]
    assert [record.message for record in caplog.records] == ["replicating fails", "writing the spool fails"]


def test_an_intent_that_replicas_lack_is_in_the_spool_too_until_its_event_is_published(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    event = an_event(0)
    site.intents.fail("record", IntentsError("on 0 of 1 replicas", unreplicated=True), after=True)
    assert site.manager.intend("scope", event)
    assert site.spool.pending() == site.intents.pending() == {"scope": [event]}
    assert site.manager.pending() == {"scope": [event]}
    assert site.manager.publish_event(event)
    assert site.manager.pending() == site.spool.pending() == {}
    assert [record.message for record in caplog.records] == ["replicating fails"]


def test_an_intent_that_only_the_primary_takes_lets_the_action_begin(site: Site) -> None:
    site.intents.fail("record", IntentsError("on 0 of 1 replicas", unreplicated=True), after=True)
    site.spool.fail("record", EventSpoolError("full"))
    assert site.manager.intend("scope", an_event(0))


def test_the_event_of_an_intent_that_vanished_is_published_and_resolved_all_the_same(site: Site) -> None:
    """As it does with a Redis that failed over: by the run that goes on, and by a recovery that saw it before."""
    mine, found = an_event(0), an_event(1)
    site.primary.replicas = True
    for event in (mine, found):
        assert site.manager.intend("scope", event)
    pending = site.manager.pending()["scope"]
    site.intents._recorded.clear()
    assert site.manager.publish_event(mine)
    site.manager.resolve(pending, [])
    site.manager.resolve([], pending)
    assert numbers(site.primary.events) == [0, 1]
    assert site.manager.pending() == {}


def test_an_intent_that_another_process_dropped_while_its_run_went_on_costs_no_event(site: Site) -> None:
    """After a failover the lock may be gone: a recovery then looks at intents of a run that is alive."""
    event = an_event(0)
    site.primary.replicas = True
    site.manager.intend("scope", event)
    elsewhere = EventManager(site.primary, intents=site.intents)
    elsewhere.resolve([], elsewhere.pending()["scope"])
    site.manager.publish_event(event)
    elsewhere.resolve([event], [])
    assert numbers(site.primary.events) == [0]


def test_without_a_place_for_them_events_that_replicas_lack_are_published_all_the_same() -> None:
    primary = Primary()
    assert EventManager(primary).publish_events([an_event(0)])
    assert numbers(primary.events) == [0]
