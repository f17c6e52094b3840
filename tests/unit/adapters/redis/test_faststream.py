"""The FastStream broker under FastStream's own TestRedisBroker, as a user's unit test has it: without a server."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import pytest
from faststream import Depends
from faststream.redis import ListSub, RedisBroker, RedisResponse, RedisRouter, StreamSub, TestRedisBroker
from faststream.redis.message import BatchStreamMessage
from pydantic import BaseModel, Field, ValidationError

from qontract.adapters.cloudevents import Event, from_cloudevent
from qontract.adapters.redis.faststream import CloudEventsFormat, faststream_broker
from qontract.domain.events import DomainEvent

pytestmark = pytest.mark.anyio


class Ticket(BaseModel):
    """What the tests' event says."""

    number: int


class TicketOpened(Event):
    """An Event whose data has a type."""

    data: Ticket


EVENT = Event(source="shop", type="com.example.opened", subject="a/ø", data={"number": 7}, correlationid="r-1")
OTHER = Event(source="shop", type="com.example.named", data={"name": "x"})
BINARY = Event(source="shop", type="com.example.bytes", data_base64="AP8=")
WHOLE = {
    "specversion": "1.0",
    "type": "com.example.opened",
    "source": "shop",
    "id": EVENT.id,
    "time": EVENT.time and EVENT.time.isoformat().replace("+00:00", "Z"),
    "subject": "a/ø",
    "datacontenttype": "application/json",
    "data": {"number": 7},
    "correlationid": "r-1",
}


@pytest.fixture
def broker() -> RedisBroker:
    return faststream_broker("redis://nowhere.invalid:1/0")


def taking(annotation: Any, got: list[Any]) -> Any:
    async def handler(event: Any) -> None:
        got.append(event)

    handler.__annotations__["event"] = annotation
    return handler


FORMS = [
    (Any, EVENT),
    (object, EVENT),
    (Event, EVENT),
    (Event | None, EVENT),
    (TicketOpened, TicketOpened.from_json(EVENT.to_json())),
    (DomainEvent, from_cloudevent(EVENT)),
    (dict, WHOLE),
    (dict[str, Any], WHOLE),
    (Mapping[str, object], WHOLE),
    (bytes, EVENT.to_json()),
    (Ticket, Ticket(number=7)),
    (Ticket | None, Ticket(number=7)),
    (Annotated[Event, Field(description="opened")], EVENT),
]


@pytest.mark.parametrize(("annotation", "form"), FORMS)
async def test_a_handler_gets_an_event_in_the_form_that_its_annotation_names(
    broker: RedisBroker, annotation: Any, form: Any
) -> None:
    got: list[Any] = []
    broker.subscriber("main")(taking(annotation, got))
    async with TestRedisBroker(broker):
        await broker.publish(EVENT, channel="main")
    assert got == [form]
    assert type(got[0]) is type(form)


@pytest.mark.parametrize(("annotation", "form"), FORMS)
async def test_a_batch_is_a_list_of_that_form(broker: RedisBroker, annotation: Any, form: Any) -> None:
    got: list[Any] = []
    broker.subscriber(stream=StreamSub("kept", batch=True))(taking(list[annotation], got))
    broker.subscriber(stream=StreamSub("kept", batch=True, group="mine", consumer="one"))(
        taking(Sequence[annotation], got)
    )
    async with TestRedisBroker(broker):
        await broker.publish(EVENT, stream="kept")
    assert got == [[form], [form]]


async def test_a_handler_without_an_annotation_gets_an_event_and_a_batch_of_them(broker: RedisBroker) -> None:
    got: list[Any] = []

    @broker.subscriber("main")
    async def one(event) -> None:  # type: ignore[no-untyped-def]
        got.append(event)

    @broker.subscriber(stream=StreamSub("kept", batch=True))
    async def many(events) -> None:  # type: ignore[no-untyped-def]
        got.append(events)

    async with TestRedisBroker(broker):
        await broker.publish(EVENT, channel="main")
        await broker.publish(EVENT, stream="kept")
        await one.assert_called_once_with(EVENT)
        many.mock.assert_called_once_with([EVENT])
    assert got == [EVENT, [EVENT]]


async def test_a_batch_without_any_event_is_an_error_and_its_handler_is_not_called(broker: RedisBroker) -> None:
    got: list[Any] = []
    batch = broker.subscriber(stream=StreamSub("kept", batch=True))
    batch(taking(list[Event], got))
    async with TestRedisBroker(broker):
        raw = BatchStreamMessage(type="bstream", channel="kept", data=[{b"__data__": b"{}"}], message_ids=[])
        with pytest.raises(ValueError, match="no entry of the batch is an event"):
            await batch.process_message(raw)
    assert got == []


async def test_a_batch_of_a_list_has_all_its_events(broker: RedisBroker) -> None:
    got: list[Any] = []
    broker.subscriber(list=ListSub("todo", batch=True))(taking(list[Event], got))
    async with TestRedisBroker(broker):
        await broker.publish_batch(EVENT, OTHER, list="todo")
    assert got == [[EVENT, OTHER]]


async def test_data_that_is_binary_is_the_bytes(broker: RedisBroker) -> None:
    got: list[Any] = []
    broker.subscriber("main")(taking(Annotated[list[int], Field()], got))
    async with TestRedisBroker(broker):
        await broker.publish(EVENT.model_copy(update={"data": [1, 2]}), channel="main")
        with pytest.raises(ValidationError, match=r"list.*bytes"):
            await broker.publish(BINARY, channel="main")
    assert got == [[1, 2]]


@pytest.mark.parametrize("annotation", [Ticket, TicketOpened])
async def test_a_handler_is_not_called_with_an_event_that_does_not_fit_and_the_error_names_the_field(
    broker: RedisBroker, annotation: Any
) -> None:
    got: list[Any] = []
    broker.subscriber("main")(taking(annotation, got))
    async with TestRedisBroker(broker):
        with pytest.raises(ValidationError, match="number"):
            await broker.publish(OTHER, channel="main")
    assert got == []


async def test_a_stream_with_a_group_and_a_dependency_and_a_router_see_the_event_too(broker: RedisBroker) -> None:
    got: list[Any] = []
    router = RedisRouter()

    def number(event: Ticket) -> int:
        return event.number

    @broker.subscriber(stream=StreamSub("kept", group="mine", consumer="one"))
    async def kept(event: Event, number: Annotated[int, Depends(number)]) -> None:
        got.append((event, number))

    router.subscriber(stream="kept")(taking(Ticket, got))
    broker.include_router(router)
    async with TestRedisBroker(broker):
        await broker.publish(EVENT, stream="kept")
    assert got == [(EVENT, 7), Ticket(number=7)]


async def test_what_a_handler_returns_is_published_whatever_correlation_ids_there_are(broker: RedisBroker) -> None:
    answers = [EVENT, from_cloudevent(OTHER), RedisResponse(EVENT), None]
    got: list[Any] = []
    broker.subscriber("out")(taking(Event, got))
    told = broker.publisher("out")
    broker.publisher("nobody")(told(broker.subscriber("main")(lambda _: answers.pop(0))))
    async with TestRedisBroker(broker):
        for number in range(4):
            await broker.publish(EVENT, channel="main", correlation_id=f"r-{number}")
    assert [event.to_json() for event in got] == [EVENT.to_json(), OTHER.to_json(), EVENT.to_json()]


@pytest.mark.parametrize("answer", [None, 1, "text", {"a": 1}])
async def test_what_a_handler_returns_to_nobody_may_be_anything(broker: RedisBroker, answer: Any) -> None:
    broker.subscriber("main")(lambda _: answer)
    async with TestRedisBroker(broker):
        await broker.publish(EVENT, channel="main")


async def test_a_request_is_answered_with_the_event_that_the_handler_returns(broker: RedisBroker) -> None:
    broker.subscriber("main")(lambda _: OTHER)
    async with TestRedisBroker(broker):
        answer = await broker.request(EVENT, channel="main")
        assert await answer.decode() == OTHER


async def test_a_domain_event_is_published_with_the_source_of_the_broker_unless_it_names_one() -> None:
    broker = faststream_broker("redis://nowhere.invalid:1/0", source="acme")
    got: list[Any] = []
    broker.subscriber("main")(taking(Event, got))
    async with TestRedisBroker(broker):
        for source in (None, "shop"):
            await broker.publish(DomainEvent(type="com.example.done", data={}, source=source), channel="main")
    assert [event.source for event in got] == ["acme", "shop"]


@pytest.mark.parametrize("message", [{"type": "a"}, b"{}", "text", None, Ticket(number=1)])
async def test_what_is_no_event_is_refused_and_the_error_says_what_to_do(broker: RedisBroker, message: Any) -> None:
    got: list[Any] = []
    broker.subscriber("main")(taking(Event, got))
    async with TestRedisBroker(broker):
        with pytest.raises(TypeError, match=rf"publish an Event, not {type(message).__name__}: Event\(source"):
            await broker.publish(message, channel="main")
        with pytest.raises(TypeError, match="publish an Event"):
            await broker.publish_batch(EVENT, message, list="todo")
    assert got == []


async def test_the_wire_is_the_events_json_and_has_no_place_for_a_reply() -> None:
    assert await CloudEventsFormat.encode(message=EVENT, correlation_id="r-2") == EVENT.to_json()
    with pytest.raises(NotImplementedError, match="no place for reply_to"):
        await CloudEventsFormat.encode(message=EVENT, correlation_id="r-2", reply_to="inbox")
