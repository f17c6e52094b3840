"""The bytes of events: read and written, and misfits."""

import json
from collections.abc import Iterator
from typing import Any, Literal, Self

import pytest
from pydantic import ConfigDict, Field, model_validator

from qontract.adapters.cloudevents import CloudEventsEventFormat, Event, example, from_cloudevent
from qontract.adapters.cloudevents.fast_decoding import decode_fast
from qontract.application.ports.event_format import EventFormat
from qontract.domain import events
from qontract.domain.events import DomainEvent, EventData, catalogue
from qontract.testing.contracts.event_format import EventFormatContract

REQUIRED = {"specversion": "1.0", "id": "1", "source": "/here", "type": "a.b"}


def content(**attributes: Any) -> bytes:
    return json.dumps(REQUIRED | attributes).encode()


@pytest.fixture
def form() -> CloudEventsEventFormat:
    return CloudEventsEventFormat("/of-the-settings")


class TestCloudEventsEventFormat(EventFormatContract):
    @pytest.fixture
    def form(self) -> EventFormat:
        return CloudEventsEventFormat("/of-the-settings")

    @pytest.fixture(params=[b"", b"{", b"[]", b"null", b"{}", b'{"type": 5}', b'{"type": ""}', b"\x89BIN\x01", b"\xff"])
    def no_event(self, request: pytest.FixtureRequest) -> bytes:
        raw: bytes = request.param
        return raw


def test_an_event_that_names_no_source_has_that_of_the_format(form: CloudEventsEventFormat) -> None:
    assert form.decode(form.encode(DomainEvent(type="a.b"))).source == "/of-the-settings"
    assert form.decode(form.encode(DomainEvent(type="a.b", source="/own"))).source == "/own"


# The type.


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"a.b","data":{"type":"no"}}',
        b'{"data":{"type":"no"},"type":"a.b"}',
        b'{"data":"{\\"type\\":\\"no\\"}","type":"a.b"}',
        b'{"type":"no","type":"a.b"}',
        b'{"type":"no","id":"1","typ\\u0065":"a.b"}',
        b' {"data" : [ {"type":"no"} ] , "type" : "a\\u002eb"} ',
    ],
)
def test_the_type_is_that_of_the_event_and_of_two_the_last(form: CloudEventsEventFormat, raw: bytes) -> None:
    whole = b'{"specversion":"1.0","id":"1","source":"/x",' + raw.strip()[1:]
    assert form.type_of(raw) == form.type_of(whole) == form.decode(whole).type == "a.b"


@pytest.mark.parametrize("raw", [content(data={"type": "no"}).replace(b'"type": "a.b", ', b""), content(type=None)])
def test_the_type_of_the_data_is_never_taken_for_it(form: CloudEventsEventFormat, raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a CloudEvent: .*type"):
        form.type_of(raw)


def test_what_has_no_type_is_named_by_what_it_is(form: CloudEventsEventFormat) -> None:
    with pytest.raises(ValueError, match="FastStream's own frame"):
        form.type_of(b"\x89BIN\x01")
    with pytest.raises(ValueError, match="a batch of CloudEvents is not taken"):
        form.type_of(b"[]")


# The short way.


@pytest.mark.parametrize(
    "event",
    [example(kind) for name, kind in catalogue().items() if name.startswith("qontract-api.")],
    ids=lambda event: event.type,
)
def test_an_event_of_each_class_takes_the_short_way(form: CloudEventsEventFormat, event: DomainEvent) -> None:
    raw = form.encode(event)
    assert decode_fast(raw) == from_cloudevent(Event.from_json(raw))
    assert type(decode_fast(raw)) is type(event)


@pytest.mark.parametrize("more", [{}, {"data": [1]}, {"correlationid": "r", "number": 1}, {"time": None}])
def test_an_event_without_a_class_takes_it_too(more: dict[str, Any]) -> None:
    event = decode_fast(content(**more))
    assert (type(event), event.datacontenttype, event.data) == (DomainEvent, None, more.get("data"))
    assert event.extensions == {name: value for name, value in more.items() if name == "number"}


@pytest.mark.usefixtures("somebodys_class")
@pytest.mark.parametrize("kind", ["open", "broken"])
def test_a_class_with_rules_of_its_own_for_the_whole_does_not_take_it(kind: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says, the other way says it again
        decode_fast(content(type=f"test.{kind}", data=[1]))


# Misfits.


@pytest.fixture
def somebodys_class(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have classes of another author: a strict one, one that keeps all it is given, and one that raises."""
    monkeypatch.setattr(events, "_types", dict(catalogue()))

    class Strict(EventData):
        model_config = ConfigDict(strict=True)

        names: tuple[str, ...] = Field(examples=[("a",)])

    class Asked(DomainEvent):
        type: Literal["test.asked"] = "test.asked"
        data: Strict

    class Open(DomainEvent):
        model_config = ConfigDict(extra="allow")

        type: Literal["test.open"] = "test.open"

    class Broken(DomainEvent):
        type: Literal["test.broken"] = "test.broken"

        @model_validator(mode="after")
        def _look(self) -> Self:
            raise KeyError("a bug\nof two lines")

    yield
    del Asked, Open, Broken


@pytest.mark.usefixtures("somebodys_class")
def test_an_event_whose_class_raises_is_a_plain_one(form: CloudEventsEventFormat) -> None:
    event = form.decode(content(type="test.broken", data=[1]))
    assert type(event) is DomainEvent
    assert event.data == [1]
    assert form.misfit(event, catalogue()["test.broken"]) == r"KeyError: 'a bug\nof two lines'"


@pytest.mark.usefixtures("somebodys_class")
def test_a_strict_class_gets_what_json_can_say(form: CloudEventsEventFormat) -> None:
    event = form.decode(content(type="test.asked", data={"names": ["a", "b"]}))
    assert type(event) is catalogue()["test.asked"]
    assert event.model_dump()["data"] == {"names": ("a", "b")}


@pytest.mark.usefixtures("somebodys_class")
def test_a_class_is_given_nothing_but_what_events_have(form: CloudEventsEventFormat) -> None:
    event = form.decode(content(type="test.open", data=1, number=1))
    assert type(event) is catalogue()["test.open"]
    assert (event.model_extra, event.extensions) == ({}, {"number": 1})


@pytest.mark.usefixtures("somebodys_class")
def test_a_missing_field_is_named(form: CloudEventsEventFormat) -> None:
    event = form.decode(content(type="test.asked", data={}))
    assert form.misfit(event, catalogue()["test.asked"]) == "data.names: Field required"


def test_an_event_that_fits_has_no_misfit(form: CloudEventsEventFormat) -> None:
    assert form.misfit(form.decode(content()), DomainEvent) == ""
