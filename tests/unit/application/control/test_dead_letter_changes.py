"""Redriving and discarding on behalf of somebody, and the events that tell of it."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from qontract.adapters.cloudevents import CloudEventsEventFormat
from qontract.adapters.memory import InMemoryDeadLetters, InMemoryEventPublisher, InMemoryEventSpool, InMemoryEventStore
from qontract.application.control.dead_letter_changes import LetterChanges
from qontract.application.event_manager import EventManager
from qontract.application.ports.event_publisher import EventPublisherError
from qontract.application.ports.event_spool import EventSpoolError
from qontract.domain.dead_letter_events import ChangedLetters, DeadLettersDiscarded, DeadLettersRedriven
from qontract.domain.dead_letters import DeadLetter, FailedAttempt
from qontract.domain.events import DomainEvent
from qontract.domain.failure_causes import Cause
from tests.unit.domain.test_dead_letters import NOON

CAUSE = Cause("ValueError", "acme.crm.Crm.handle:31")


def store(*names: str, count: int = 1) -> InMemoryDeadLetters:
    """Return so many letters of each subscription, one after the other."""
    failures = (FailedAttempt(NOON, "ValueError: no", CAUSE),)
    letters = [
        DeadLetter(f"{name}-{number}", name, b'{"id": "e%d"}' % number, failures, f"{number}-0")
        for number in range(count)
        for name in names
    ]
    return InMemoryDeadLetters(*letters, events=InMemoryEventStore())


def data_of(event: DomainEvent) -> ChangedLetters:
    assert isinstance(event.data, ChangedLetters)
    return event.data


def test_an_event_tells_who_redrove_which_letters_of_which_cause(caplog: pytest.LogCaptureFixture) -> None:
    dead_letters, publisher = store("crm", count=2), InMemoryEventPublisher("qontract-api")
    changes = LetterChanges(dead_letters, EventManager(publisher), by="alice@ops-1", correlation_id="request-7")
    assert changes.redrive("crm-0")
    assert changes.redrive("crm-1")
    assert not changes.redrive("crm-1")
    with caplog.at_level(logging.INFO, "qontract"):
        changes.publish()
    [event] = publisher.events
    assert isinstance(event, DeadLettersRedriven)
    assert (event.subject, event.correlation_id) == ("crm", "request-7")
    assert event.extensions == {"authtype": "unknown", "authid": "alice@ops-1"}
    data = data_of(event)
    assert (data.subscription, data.cause, data.by) == ("crm", str(CAUSE), "alice@ops-1")
    assert [(one.id, one.entry, one.event_id) for one in data.letters] == [
        ("crm-0", "0-0", "e0"),
        ("crm-1", "1-0", "e1"),
    ]
    [line] = [record.__dict__ for record in caplog.records if record.message == "dead letters redriven"]
    assert (line["by"], line["subscription"], line["group"], line["count"]) == ("alice@ops-1", "crm", data.group, 2)
    assert CloudEventsEventFormat("qontract-api").decode(CloudEventsEventFormat("qontract-api").encode(event)) == event


def test_each_subscription_and_each_kind_of_change_has_an_event_of_its_own() -> None:
    dead_letters, publisher = store("crm", "tickets", count=2), InMemoryEventPublisher("qontract-api")
    changes = LetterChanges(dead_letters, EventManager(publisher), by="alice")
    for letter in ("crm-0", "tickets-0", "crm-1"):
        changes.redrive(letter)
    changes.discard("tickets-1")
    changes.publish()
    told = {(type(event), event.subject): [one.id for one in data_of(event).letters] for event in publisher.events}
    assert told == {
        (DeadLettersRedriven, "crm"): ["crm-0", "crm-1"],
        (DeadLettersRedriven, "tickets"): ["tickets-0"],
        (DeadLettersDiscarded, "tickets"): ["tickets-1"],
    }


def test_an_event_tells_of_a_hundred_letters_at_most_and_comes_as_soon_as_there_are_so_many() -> None:
    dead_letters, publisher = store("crm", count=250), InMemoryEventPublisher("qontract-api")
    changes = LetterChanges(dead_letters, EventManager(publisher), by="alice")
    told = []
    for letter in list(dead_letters.iterate()):
        changes.discard(letter.id)
        told.append(len(publisher.events))
    assert (told.index(1), told.index(2), told[-1]) == (99, 199, 2)
    changes.publish()
    assert [len(data_of(event).letters) for event in publisher.events] == [100, 100, 50]
    assert dead_letters.changes() == []


def test_nothing_changed_is_nothing_told() -> None:
    publisher = InMemoryEventPublisher("qontract-api")
    LetterChanges(store("crm"), EventManager(publisher), by="alice").publish()
    assert publisher.events == []


def test_what_cannot_be_published_is_spooled() -> None:
    dead_letters, publisher, spool = store("crm"), InMemoryEventPublisher("qontract-api"), InMemoryEventSpool()
    publisher.fail("publish", EventPublisherError("away"))
    changes = LetterChanges(dead_letters, EventManager(publisher, spool=spool), by="alice")
    changes.redrive("crm-0")
    changes.publish()
    assert [event.subject for event in spool.oldest(9)] == ["crm"]
    assert dead_letters.changes() == []


def test_what_can_be_neither_published_nor_spooled_is_told_later_with_the_same_id() -> None:
    dead_letters, publisher, spool = store("crm"), InMemoryEventPublisher("qontract-api"), InMemoryEventSpool()
    publisher.fail("publish", EventPublisherError("away"), after=True)
    spool.fail("append", EventSpoolError("full"))
    changes = LetterChanges(dead_letters, EventManager(publisher, spool=spool), by="alice")
    changes.redrive("crm-0")
    changes.publish()
    [left] = dead_letters.changes()
    forget_and_age(dead_letters, left.key)
    LetterChanges(dead_letters, EventManager(publisher), by="bob").publish()
    assert dead_letters.changes() == []
    assert [data_of(event).by for event in publisher.events] == ["alice"]  # once: it has the id that it had


def test_what_somebody_left_who_was_killed_is_told_after_a_minute_by_the_next_in_his_name() -> None:
    dead_letters, publisher = store("crm", count=2), InMemoryEventPublisher("qontract-api")
    LetterChanges(dead_letters, EventManager(publisher), by="alice").redrive("crm-0")
    other = LetterChanges(dead_letters, EventManager(publisher), by="bob")
    other.redrive("crm-1")
    other.publish()
    assert [data_of(event).by for event in publisher.events] == ["bob"]
    [left] = dead_letters.changes()
    forget_and_age(dead_letters, left.key)
    other.publish()
    assert [(data_of(event).by, event.extensions["authid"]) for event in publisher.events[1:]] == [("alice", "alice")]
    assert dead_letters.changes() == []


def test_where_events_are_disabled_letters_are_changed_and_nothing_is_kept_for_an_event() -> None:
    dead_letters = store("crm", count=2)
    changes = LetterChanges(dead_letters, None, by="alice")
    assert changes.redrive("crm-0")
    assert changes.discard("crm-1")
    changes.publish()
    assert dead_letters.changes() == []


def test_where_events_are_disabled_what_others_left_is_left_to_others() -> None:
    dead_letters = store("crm")
    LetterChanges(dead_letters, EventManager(InMemoryEventPublisher()), by="alice").redrive("crm-0")
    [left] = dead_letters.changes()
    forget_and_age(dead_letters, left.key)
    LetterChanges(dead_letters, None, by="bob").publish()
    assert len(dead_letters.changes()) == 1


def test_a_letter_that_names_no_subscription_is_told_of_without_a_subject() -> None:
    dead_letters, publisher = store(""), InMemoryEventPublisher("qontract-api")
    changes = LetterChanges(dead_letters, EventManager(publisher), by="alice")
    changes.discard("-0")
    changes.publish()
    assert [(event.subject, data_of(event).subscription) for event in publisher.events] == [(None, "")]


def forget_and_age(dead_letters: InMemoryDeadLetters, key: str) -> None:
    """Let a minute pass since a change."""
    kept = dead_letters._events.changes
    kept[key] = replace(kept[key], time=kept[key].time - timedelta(seconds=61))
