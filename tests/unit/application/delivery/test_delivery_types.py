"""One subscription at work: which events reach which handler, and as what, in memory."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_mock import MockerFixture

from qontract.adapters.memory import InMemoryEventStore
from qontract.application.ports.event_handler import Delivery, EventHandler
from tests.support.delivering import (
    FORMAT,
    Counted,
    Named,
    Numbered,
    Renamed,
    Seen,
    an_event,
    letters,
    on_virtual_clock,
    pending,
    publish,
    replica,
    until,
)

COUNTED, RENAMED = "qontract-api.tests-delivery.counted", "qontract-api.tests-delivery.renamed"
NO_EVENTS = (b"", b"\x00\xff", b"no JSON", b"[1]", b"{}", b'{"type": 3}', b'{"type": ""}')
NO_DATA = {"specversion": "1.0", "id": "1", "source": "there", "type": COUNTED}


class Counting(EventHandler[Counted]):
    """Asks for the class."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    async def handle(self, event: Counted, delivery: Delivery) -> None:
        self.numbers.append(event.data.number)


class CountingAndNaming(EventHandler[Counted | Renamed]):
    """Asks for two classes."""

    def __init__(self) -> None:
        self.events: list[Counted | Renamed] = []

    async def handle(self, event: Counted | Renamed, delivery: Delivery) -> None:
        self.events.append(event)


class Greedy(CountingAndNaming):
    """Asks for two classes, and for every type."""

    types = ("*",)


def wire(**attributes: object) -> bytes:
    return json.dumps(NO_DATA | attributes).encode()


async def all_of(events: InMemoryEventStore, handler: EventHandler[Any]) -> None:
    """Deliver all that there is."""
    async with replica(events, handler):
        await until(lambda: pending(events) == 0 and events.of("subscription").place.last == events.newest)  # type: ignore[union-attr]


@on_virtual_clock
async def test_the_type_is_looked_at_before_anything_is_decoded(mocker: MockerFixture) -> None:
    events, handler = InMemoryEventStore(), Seen("qontract-api.other.*")
    publish(events, *map(an_event, range(5)))
    decode = mocker.spy(FORMAT, "decode")
    await all_of(events, handler)
    assert (decode.call_count, handler.events) == (0, [])


@on_virtual_clock
async def test_an_event_that_a_subscription_does_not_want_is_never_its_dead_letter_whatever_its_bytes() -> None:
    events, handler = InMemoryEventStore(), Seen("qontract-api.other.*")
    events.append(*NO_EVENTS, wire(specversion="9.9"), wire(id=""), wire(source=None), b'{"type": "qontract-api.x"}')
    events.append(wire(data={"number": "no number"}), wire(data=1, data_base64="AA=="))
    await all_of(events, handler)
    assert (handler.events, letters(events)) == ([], [])


@on_virtual_clock
async def test_bytes_that_are_no_event_are_dead_letters_of_who_wants_all_types() -> None:
    events, handler = InMemoryEventStore(), Seen()
    events.append(*NO_EVENTS)
    await all_of(events, handler)
    assert sorted(letter.data for letter in letters(events)) == sorted(NO_EVENTS)
    for letter in letters(events):
        assert letter.failures[-1].error.startswith("cannot be read: ValueError: not a CloudEvent")


@on_virtual_clock
async def test_an_event_of_a_wanted_type_that_breaks_the_specification_is_a_dead_letter_that_says_why() -> None:
    events, handler = InMemoryEventStore(), Seen(COUNTED)
    events.append(wire(id=""), wire(id="fine"))
    await all_of(events, handler)
    [letter] = letters(events)
    assert "id" in letter.failures[0].error
    assert [event.id for event in handler.events] == ["fine"]


@on_virtual_clock
async def test_an_event_that_does_not_fit_its_class_is_a_plain_one_to_who_did_not_ask_for_the_class() -> None:
    events, handler = InMemoryEventStore(), Seen(COUNTED)
    events.append(wire(data={"number": 1}), wire(data={"number": "several"}))
    await all_of(events, handler)
    assert [type(event).__name__ for event in handler.events] == ["Counted", "DomainEvent"]
    assert handler.events[1].data == {"number": "several"}
    assert letters(events) == []


@on_virtual_clock
async def test_who_asked_for_a_class_gets_that_type_alone_and_dead_letters_at_once_what_does_not_fit() -> None:
    events, handler = InMemoryEventStore(), Counting()
    events.append(wire(data={"number": "several"}), wire(data={"number": 2}), wire(type=RENAMED, data={"name": "x"}))
    await all_of(events, handler)
    assert handler.numbers == [2]
    [letter] = letters(events)
    [failure] = letter.failures
    assert failure.error.startswith("does not fit Counted: data.number: ")


@on_virtual_clock
async def test_who_asked_for_several_classes_gets_each_as_its_own_and_a_misfit_names_the_class_of_its_type() -> None:
    events, handler = InMemoryEventStore(), CountingAndNaming()
    publish(events, Counted(data=Numbered(number=1)), Renamed(data=Named(name="x")), an_event(3))
    events.append(wire(type=RENAMED, data={"name": 3}))
    await all_of(events, handler)
    assert sorted(type(event).__name__ for event in handler.events) == ["Counted", "Renamed"]
    [letter] = letters(events)
    assert letter.failures[0].error.startswith("does not fit Renamed: data.name: ")


@on_virtual_clock
async def test_an_event_whose_type_is_that_of_no_class_does_not_fit_the_first_one() -> None:
    events = InMemoryEventStore()
    publish(events, an_event(1))
    await all_of(events, Greedy())
    [letter] = letters(events)
    assert letter.failures[0].error.startswith("does not fit Counted: ")


@pytest.mark.parametrize("data", ["text", "", 3, 1.5, True, [1, [2]], {}, {"a": None}, None], ids=repr)
@on_virtual_clock
async def test_data_of_any_json_type_reaches_the_handler(data: object) -> None:
    events, handler = InMemoryEventStore(), Seen()
    events.append(wire(type="x", data=data))
    await all_of(events, handler)
    [event] = handler.events
    assert (event.data, event.data_base64) == (data, None)


@on_virtual_clock
async def test_binary_data_reaches_the_handler_and_so_does_an_event_without_data() -> None:
    events, handler = InMemoryEventStore(), Seen()
    events.append(wire(data_base64="AAH/", datacontenttype="image/png"), wire(id="2"))
    await all_of(events, handler)
    assert [(event.data, event.data_base64) for event in handler.events] == [(None, b"\x00\x01\xff"), (None, None)]
    assert [event.datacontenttype for event in handler.events] == ["image/png", None]


@on_virtual_clock
async def test_every_attribute_reaches_the_handler_and_extensions_of_any_type() -> None:
    events, handler = InMemoryEventStore(), Seen()
    extensions = {"text": "é", "empty": "", "number": -7, "yes": True, "no": False, "authid": "alice"}
    events.append(
        wire(
            type="com.example.thing",
            source="//there/place?x=1#y",
            subject="a/b",
            time="2026-01-02T03:04:05.678+01:00",
            datacontenttype="application/xml; charset=utf-8",
            dataschema="https://example.com/schema",
            data="<a/>",
            correlationid="request-1",
            **extensions,
        )
    )
    await all_of(events, handler)
    [event] = handler.events
    assert (event.id, event.type, event.source, event.subject) == (
        "1",
        "com.example.thing",
        "//there/place?x=1#y",
        "a/b",
    )
    assert event.time == datetime(2026, 1, 2, 2, 4, 5, 678_000, UTC)
    assert (event.datacontenttype, event.dataschema) == ("application/xml; charset=utf-8", "https://example.com/schema")
    assert (event.data, event.correlation_id, event.extensions) == ("<a/>", "request-1", extensions)
    assert all(type(event.extensions[name]) is type(value) for name, value in extensions.items())
