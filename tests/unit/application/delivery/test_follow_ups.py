"""Follow-up events: what they get from their cause, and what becomes of those that cannot be published."""

import pytest
from pytest_mock import MockerFixture

from qontract.adapters.memory import (
    InMemoryAsyncEventPublisher,
    InMemoryEventPublisher,
    InMemoryEventSpool,
    InMemoryEventStore,
)
from qontract.application.delivery.follow_ups import MAX_CHAIN_LENGTH, FollowUpPublisher, follow_up
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_handler import Delivery, Reject
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.domain.events import DomainEvent
from tests.support.delivering import FORMAT, on_virtual_clock

CAUSE = DomainEvent(
    type="qontract-api.teams.create",
    source="qontract-api",
    id="cause",
    correlation_id="request",
    extensions={"authtype": "user", "authid": "alice", "reason": "a joke"},
)
NOTIFIED = DomainEvent(type="acme.notified", subject="bob")
AWAY = EventPublisherError("Redis is away")


class Place:
    """Where follow-up events go."""

    def __init__(self) -> None:
        self.publisher = InMemoryEventPublisher(log=InMemoryEventStore(), encode=FORMAT.encode)
        self.live = InMemoryAsyncEventPublisher(self.publisher)
        self.spool = InMemoryEventSpool()
        self.events = EventManager(self.publisher, spool=self.spool)
        self.follow_ups = FollowUpPublisher(self.live, self.events, source="qontract-api")

    def delivery(self, cause: DomainEvent = CAUSE, *, attempt: int = 1) -> Delivery:
        return Delivery("notifier", cause, attempt, self.follow_ups.publish)


def anew(event: DomainEvent = NOTIFIED) -> DomainEvent:
    """Return the event as a handler makes it, whose id nobody has set."""
    return DomainEvent(type=event.type, subject=event.subject)


@on_virtual_clock
async def test_it_gets_the_correlation_the_cause_the_subscriptions_source_and_who_asked_for_it() -> None:
    place = Place()
    await place.delivery().publish(anew())
    [event] = place.publisher.events
    assert (event.correlation_id, event.source) == ("request", "qontract-api/notifier")
    assert event.extensions == {"authtype": "user", "authid": "alice", "causationid": "cause", "hops": 1}


@on_virtual_clock
async def test_what_the_event_names_itself_is_kept() -> None:
    place = Place()
    own = DomainEvent(
        type="acme.notified",
        id="own",
        source="acme",
        correlation_id="other",
        extensions={"authid": "robot", "causationid": "another", "partitionkey": "k"},
    )
    await place.delivery().publish(own)
    [event] = place.publisher.events
    assert (event.id, event.source, event.correlation_id) == ("own", "acme", "other")
    assert event.extensions == {
        "authtype": "user",
        "authid": "robot",
        "causationid": "another",
        "partitionkey": "k",
        "hops": 1,
    }


@on_virtual_clock
async def test_its_id_is_the_same_in_each_attempt_so_that_a_retry_publishes_nothing_twice() -> None:
    place = Place()
    for attempt in (1, 2, 3):
        delivery = place.delivery(attempt=attempt)
        await delivery.publish(anew())
        await delivery.publish(DomainEvent(type="acme.counted", data=attempt))
    assert [event.type for event in place.publisher.events] == ["acme.notified", "acme.counted"]


def test_different_events_of_one_attempt_have_different_ids_equal_ones_too() -> None:
    place = Place()
    delivery, ids = place.delivery(), list[str]()
    other = DomainEvent(type="acme.notified", subject="carol")
    for event in (NOTIFIED, NOTIFIED, other, DomainEvent(type="acme.other", subject="bob"), NOTIFIED):
        ids.append(follow_up(anew(event), delivery, "qontract-api").id)
        delivery.published.append(event)
    assert len(set(ids)) == 5


def test_different_causes_and_different_subscriptions_make_different_ids() -> None:
    place = Place()
    elsewhere = CAUSE.model_copy(update={"source": "elsewhere"})
    deliveries = [
        place.delivery(),
        place.delivery(elsewhere),
        place.delivery(CAUSE.model_copy(update={"id": "other"})),
        Delivery("another", CAUSE, 1, place.follow_ups.publish),
    ]
    assert len({follow_up(anew(), delivery, "qontract-api").id for delivery in deliveries}) == 4


def test_a_chain_that_is_too_long_is_refused() -> None:
    place, event = Place(), CAUSE
    for hops in range(1, MAX_CHAIN_LENGTH + 1):
        event = follow_up(anew(), place.delivery(event), "qontract-api")
        assert event.extensions["hops"] == hops
    with pytest.raises(Reject, match="number 21 in a chain of follow-up events"):
        follow_up(anew(), place.delivery(event), "qontract-api")


@on_virtual_clock
async def test_what_is_published_at_once_is_not_given_to_the_log_a_second_time(mocker: MockerFixture) -> None:
    place = Place()
    again = mocker.spy(place.events, "publish_event")
    await place.delivery().publish(anew())
    assert (len(place.publisher.events), again.call_count) == (1, 0)


@on_virtual_clock
async def test_what_cannot_be_published_is_spooled_and_what_comes_later_comes_after_it(mocker: MockerFixture) -> None:
    place = Place()
    delivery = place.delivery()
    live = mocker.patch.object(place.live, "publish", side_effect=AWAY)
    slow = mocker.patch.object(place.publisher, "publish", side_effect=AWAY)
    for subject in ("first", "second"):
        await delivery.publish(DomainEvent(type="acme.notified", subject=subject))
    assert [event.subject for event in place.spool.oldest(10)] == ["first", "second"]
    assert place.spool.oldest(1)[0].source == "qontract-api/notifier"
    assert (live.call_count, slow.call_count) == (1, 2)  # the second one goes behind the first at once
    mocker.stopall()
    await delivery.publish(DomainEvent(type="acme.notified", subject="third"))
    await delivery.publish(DomainEvent(type="acme.notified", subject="fourth"))
    assert [event.subject for event in place.publisher.events] == ["first", "second", "third", "fourth"]
    assert place.spool.oldest(10) == []


@on_virtual_clock
async def test_what_is_no_cloudevent_is_a_value_error_and_is_not_spooled() -> None:
    place, forbidden = Place(), DomainEvent(type="acme.notified", extensions={"Not-A-Name": 1})
    with pytest.raises(ValueError, match="Not-A-Name"):
        await place.delivery().publish(forbidden)
    assert (place.publisher.events, place.spool.oldest(10)) == ([], [])


@on_virtual_clock
async def test_nothing_is_published_where_events_are_disabled() -> None:
    place = Place()
    await FollowUpPublisher(place.live, None, source="qontract-api").publish(place.delivery(), anew())
    assert place.publisher.events == []
