"""Publishing an event by hand."""

import json
import logging
from typing import Any

import pytest

from qontract.adapters.cloudevents import CloudEventsEventFormat
from qontract.adapters.memory import InMemoryEventPublisher, InMemoryEventSpool
from qontract.application.control.event_publishing import PublishOutcome, publish_by_hand
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.event_spool import EventSpoolError

FORMAT = CloudEventsEventFormat("qontract-api")
AWAY = EventPublisherError("away")


def cloudevent(**attributes: Any) -> bytes:
    about = {"specversion": "1.0", "id": "7", "type": "com.example.done", "source": "/here", "data": {"a": 1}}
    return json.dumps(about | attributes).encode()


@pytest.fixture
def publisher() -> InMemoryEventPublisher:
    return InMemoryEventPublisher()


@pytest.fixture
def spool() -> InMemoryEventSpool:
    return InMemoryEventSpool()


@pytest.fixture
def events(publisher: InMemoryEventPublisher, spool: InMemoryEventSpool) -> EventManager:
    return EventManager(publisher, spool=spool)


def test_the_event_is_published_as_it_is_and_says_who_published_it(
    events: EventManager, publisher: InMemoryEventPublisher
) -> None:
    event, outcome = publish_by_hand(events, FORMAT, cloudevent(subject="db-1", team="x"), by="alice@sre")
    assert outcome is PublishOutcome.PUBLISHED
    assert publisher.events == [event]
    assert (event.id, event.type, event.source, event.subject) == ("7", "com.example.done", "/here", "db-1")
    assert event.data == {"a": 1}
    assert event.extensions == {"team": "x", "authtype": "unknown", "authid": "alice@sre"}


def test_an_event_that_says_who_asked_for_it_keeps_that(events: EventManager) -> None:
    event, _ = publish_by_hand(events, FORMAT, cloudevent(authid="bob", authtype="user"), by="alice@sre")
    assert event.extensions == {"authid": "bob", "authtype": "user"}


def test_the_log_says_who_published_what(events: EventManager, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        publish_by_hand(events, FORMAT, cloudevent(subject="db-1", authid="bob"), by="alice@sre")
    [record] = caplog.records
    assert record.message == "event published by hand"
    about: Any = record
    assert (about.event_id, about.event_type, about.subject) == ("7", "com.example.done", "db-1")
    assert (about.by, about.outcome) == ("alice@sre", "published")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", cloudevent(type=None), cloudevent(id="")])
def test_what_is_no_cloudevent_is_refused_in_one_line_and_not_published(
    events: EventManager, publisher: InMemoryEventPublisher, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(ValueError, match="not a CloudEvent") as raised:
        publish_by_hand(events, FORMAT, content, by="me")
    assert "\n" not in str(raised.value)
    assert (publisher.events, caplog.records) == ([], [])


def test_a_name_that_no_event_may_have_is_refused_before_anything_is_published(
    events: EventManager, publisher: InMemoryEventPublisher
) -> None:
    with pytest.raises(ValueError, match="authid"):
        publish_by_hand(events, FORMAT, cloudevent(), by="alice\x00")
    assert publisher.events == []


def test_while_the_publisher_is_away_it_waits_in_the_spool_and_the_outcome_says_so(
    events: EventManager, publisher: InMemoryEventPublisher, spool: InMemoryEventSpool
) -> None:
    publisher.fail("publish", AWAY)
    event, outcome = publish_by_hand(events, FORMAT, cloudevent(), by="me")
    assert outcome is PublishOutcome.SPOOLED
    assert spool.oldest(9) == [event]
    _, outcome = publish_by_hand(events, FORMAT, cloudevent(id="8"), by="me")
    assert outcome is PublishOutcome.PUBLISHED
    assert [each.id for each in publisher.events] == ["7", "8"]


def test_what_neither_takes_is_not_published_and_the_outcome_says_so(
    events: EventManager, publisher: InMemoryEventPublisher, spool: InMemoryEventSpool
) -> None:
    publisher.fail("publish", AWAY)
    spool.fail("append", EventSpoolError("full"))
    assert publish_by_hand(events, FORMAT, cloudevent(), by="me")[1] is PublishOutcome.NOT_PUBLISHED
