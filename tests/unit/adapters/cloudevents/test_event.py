"""The wire form, with the CloudEvents SDK as the judge in both directions."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal
from uuid import UUID

import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import ValidationError

from qontract.adapters.cloudevents import Event

SDK = JSONFormat()
REQUIRED = {"specversion": "1.0", "id": "1", "source": "/here", "type": "a.b"}
NOON = datetime(2026, 1, 31, 12, 0, 0, 250000, tzinfo=UTC)


def on_the_wire(event: Event) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(event.to_json())
    return written


def read(**attributes: Any) -> Event:
    return Event.from_json(json.dumps(REQUIRED | attributes))


# What we write, the SDK reads.


def test_the_sdk_reads_every_attribute_that_we_write() -> None:
    event = Event(
        id="ä-1",
        source="https://example.org/a?b=c#d",
        type="a.b",
        subject="coreos/team-ä 🎉",
        time=NOON,
        dataschema="https://example.org/schema",
        data={"text": "Grüße, 世界 🎉\u2028\n", "null": None, "list": [None, 1.5, True], "empty": {}},
        correlationid="request-1",
        number=-(2**31),
        truth=True,
        falsehood=False,
    )
    seen = SDK.read(None, event.to_json())
    assert seen.get_attributes() == {
        "specversion": "1.0",
        "id": "ä-1",
        "source": "https://example.org/a?b=c#d",
        "type": "a.b",
        "subject": "coreos/team-ä 🎉",
        "time": NOON,
        "datacontenttype": "application/json",
        "dataschema": "https://example.org/schema",
        "correlationid": "request-1",
        "number": -(2**31),
        "truth": True,
        "falsehood": False,
    }
    assert seen.get_data() == event.data


def test_time_is_written_in_utc_with_a_z() -> None:
    event = Event(source="/here", type="a.b", time=NOON.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert on_the_wire(event)["time"] == "2026-01-31T12:00:00.250000Z"


def test_id_and_time_are_filled_in() -> None:
    before = datetime.now(UTC)
    one, other = Event(source="/here", type="a.b"), Event(source="/here", type="a.b")
    assert one.id != other.id
    assert one.time
    assert before <= one.time <= datetime.now(UTC)


def test_what_json_has_no_type_for_is_written_as_text() -> None:
    data = {"uuid": UUID(int=1), "set": {1}, "time": NOON, "tuple": (1, 2), "delta": timedelta(seconds=1)}
    assert SDK.read(None, Event(source="/here", type="a.b", data=data).to_json()).get_data() == {
        "uuid": "00000000-0000-0000-0000-000000000001",
        "set": [1],
        "time": "2026-01-31T12:00:00.250000Z",
        "tuple": [1, 2],
        "delta": "PT1S",
    }


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_number_that_json_does_not_have_leaves_valid_json(number: str) -> None:
    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is not JSON")

    event = Event(source="/here", type="a.b", data={"n": float(number)})
    assert json.loads(event.to_json(), parse_constant=refuse)["data"]["n"]


def test_attributes_that_are_absent_are_not_written() -> None:
    event = Event(source="/here", type="a.b", id="1", time=None, datacontenttype=None, something=None)
    assert on_the_wire(event) == REQUIRED | {"type": "a.b"}


def test_binary_data_is_written_as_base64() -> None:
    event = Event(source="/here", type="a.b", datacontenttype="image/png", data_base64=b"\x00\xff\xff")
    assert on_the_wire(event)["data_base64"] == "AP//"
    assert SDK.read(None, event.to_json()).get_data() == b"\x00\xff\xff"


def test_bytes_that_look_like_base64_mean_themselves() -> None:
    event = Event(source="/here", type="a.b", data_base64=b"test")
    assert event.data_base64 == b"test"
    assert SDK.read(None, event.to_json()).get_data() == b"test"


def test_binary_data_that_was_read_can_be_given_again() -> None:
    event = read(data_base64="+/8=")
    assert event.data_base64 == b"\xfb\xff"
    assert Event(**event.model_dump()) == event
    assert Event(**event.model_dump(mode="json")) == event
    assert Event.model_validate_json(event.to_json()).data_base64 == event.data_base64


@pytest.mark.parametrize(
    "data", [b"\xff", b"text", bytearray(b"a"), memoryview(b"a")], ids=["bytes", "text", "bytearray", "memoryview"]
)
def test_bytes_as_data_are_refused_when_made(data: object) -> None:
    with pytest.raises(ValidationError, match="give bytes as data_base64"):
        Event(source="/here", type="a.b", data=data)


# What the SDK writes, we read.


def test_we_read_every_attribute_that_the_sdk_writes() -> None:
    attributes = {
        "id": "ä-1",
        "source": "urn:example:1",
        "type": "a.b",
        "subject": "coreos/team-ä 🎉",
        "time": NOON,
        "datacontenttype": "application/json",
        "dataschema": "https://example.org/schema",
        "correlationid": "request-1",
        "number": 7,
        "truth": True,
    }
    data = {"text": "Grüße, 世界 🎉", "null": None, "list": [None, 1.5, True]}
    event = Event.from_json(SDK.write(CloudEvent(dict(attributes), data)))
    assert event.model_dump(exclude_none=True) == attributes | {"specversion": "1.0", "data": data}
    assert event.extensions == {"correlationid": "request-1", "number": 7, "truth": True}


def test_we_read_the_binary_data_that_the_sdk_writes_and_keep_it() -> None:
    raw = SDK.write(CloudEvent({"source": "/here", "type": "a.b"}, b"\x00\xff"))
    event = Event.from_json(raw)
    assert event.data_base64 == b"\x00\xff"
    assert on_the_wire(event)["data_base64"] == json.loads(raw)["data_base64"]


def test_we_read_the_text_that_the_sdk_writes() -> None:
    raw = SDK.write(CloudEvent({"source": "/here", "type": "a.b", "datacontenttype": "text/plain"}, "Grüße"))
    assert Event.from_json(raw).data == "Grüße"


# Nothing is invented, nothing is lost.


def test_nothing_is_invented_for_an_event_that_is_read() -> None:
    event = read()
    assert (event.time, event.datacontenttype, event.data) == (None, None, None)
    assert on_the_wire(event) == REQUIRED


def test_an_attribute_that_is_null_is_absent() -> None:
    optional = ("time", "subject", "datacontenttype", "dataschema", "data", "data_base64", "something")
    event = read(**dict.fromkeys(optional))
    assert event.extensions == {}
    assert on_the_wire(event) == REQUIRED


def test_nulls_inside_data_are_kept() -> None:
    data = {"null": None, "deep": [{"null": None}]}
    assert on_the_wire(read(data=data))["data"] == data


@pytest.mark.parametrize("data", [{}, [], "", 0, False, "text", [1, {"a": 2}]])
def test_any_json_value_is_data(data: object) -> None:
    assert on_the_wire(read(data=data))["data"] == data


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31t12:00:00z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.25Z", NOON),
        ("2026-01-31T12:00:00.123456789Z", NOON.replace(microsecond=123456)),
        ("2026-01-31T14:00:00+02:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00-00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T14:00:00.123456789+02:00", NOON.replace(microsecond=123456)),
        ("2026-01-31t14:00:00.25+02:00", NOON),
    ],
)
def test_rfc_3339_timestamps_are_read(text: str, utc: datetime) -> None:
    assert read(time=text).time == utc


@pytest.mark.parametrize(
    "text",
    ["2016-12-31T23:59:60Z", "2016-12-31T23:59:60.25z", "2016-12-31t15:59:60.5-08:00", "2016-12-31T23:59:60+00:00"],
)
def test_a_leap_second_is_the_last_microsecond_before_it(text: str) -> None:
    assert read(time=text).time == datetime(2016, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_an_event_has_a_json_schema(mode: Literal["validation", "serialization"]) -> None:
    properties = Event.model_json_schema(mode=mode)["properties"]
    assert {"contentEncoding": "base64", "type": "string"} in properties["data_base64"]["anyOf"]
    assert {"format": "date-time", "type": "string"} in properties["time"]["anyOf"]


def test_an_event_does_not_change() -> None:
    event = read()
    with pytest.raises(ValidationError):
        event.id = "another"  # type: ignore[misc]
