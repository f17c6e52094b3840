"""Domain events to their wire form, and back."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat

from qontract.adapters.cloudevents import Event, from_cloudevent, to_cloudevent
from qontract.domain.events import DomainEvent
from qontract.domain.slack_usergroups import UsergroupFailed, UsergroupFailure
from tests.support.slack_events import failed

ERROR = "qontract-api.slack-usergroups.error"
FULL = DomainEvent(
    type="else.where",
    data={"text": "ä", "null": None},
    datacontenttype="application/vnd.x+json",
    dataschema="https://example.org/schema",
    subject="coreos/team-a",
    source="/another",
    correlation_id="request-1",
    extensions={"traceparent": "00-1-2-01", "number": 1, "truth": True},
)


def over_the_wire(event: DomainEvent) -> DomainEvent:
    return from_cloudevent(Event.from_json(to_cloudevent(event, "/here").to_json()))


def test_an_event_comes_back_as_it_was() -> None:
    assert over_the_wire(FULL) == FULL


def test_an_event_of_a_known_type_comes_back_as_its_class() -> None:
    event = failed(UsergroupFailure(workspace="coreos", error="no"), "request-1")
    back = over_the_wire(event)
    assert isinstance(back, UsergroupFailed)
    assert back == event.model_copy(update={"source": "/here"})


def test_the_sdk_sees_what_the_event_says() -> None:
    seen = JSONFormat().read(
        None, to_cloudevent(failed(UsergroupFailure(workspace="coreos", error="no"), "r"), "/here").to_json()
    )
    assert seen.get_type() == ERROR
    assert (seen.get_source(), seen.get_subject(), seen.get_datacontenttype()) == (
        "/here",
        "coreos",
        "application/json",
    )
    assert seen.get_extension("correlationid") == "r"
    assert seen.get_data() == {"workspace": "coreos", "usergroup": None, "action_type": None, "error": "no"}


def test_the_source_of_an_event_goes_before_that_of_the_publisher() -> None:
    assert to_cloudevent(FULL, "/here").source == "/another"
    assert to_cloudevent(FULL.model_copy(update={"source": None}), "/here").source == "/here"


def test_sending_an_event_again_makes_no_second_one() -> None:
    assert to_cloudevent(FULL, "/here") == to_cloudevent(FULL, "/here")


def test_without_a_correlation_id_there_is_no_attribute_for_it() -> None:
    assert to_cloudevent(DomainEvent(type="a.b", data={}), "/here").extensions == {}


@pytest.mark.parametrize(
    "name",
    ["id", "time", "type", "source", "subject", "data", "data_base64", "dataschema", "specversion", "correlationid"],
)
def test_an_extension_with_the_name_of_an_attribute_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"not a name for an extension attribute: {name}"):
        to_cloudevent(FULL.model_copy(update={"extensions": {name: "x"}}), "/here")


@pytest.mark.parametrize("wrong", [{"type": "a\x00"}, {"source": "a b"}, {"extensions": {"A": 1}}, {"subject": "\n"}])
def test_what_cloudevents_forbids_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        to_cloudevent(FULL.model_copy(update=wrong), "/here")


def test_what_the_specification_leaves_optional_may_be_absent() -> None:
    before = datetime.now(UTC)
    event = from_cloudevent(Event.from_json(b'{"specversion":"1.0","id":"1","source":"/x","type":"a.b"}'))
    assert (event.id, event.source, event.subject, event.data, event.correlation_id) == ("1", "/x", None, None, None)
    assert (event.data_base64, event.datacontenttype, event.dataschema, event.extensions) == (None, None, None, {})
    assert before <= event.time <= datetime.now(UTC)


def test_a_field_that_a_newer_version_added_is_kept() -> None:
    data = {"workspace": "coreos", "error": "no", "newer": {"a": [None]}}
    event = from_cloudevent(Event(type=ERROR, source="/x", data=data))
    assert isinstance(event, UsergroupFailed)
    assert event.model_dump(mode="json")["data"]["newer"] == {"a": [None]}


@pytest.mark.parametrize(
    "data", [[1], "text", 1, 1.5, True, False, 0, "", {}, [], {"a": [None, {"b": 2**60}]}], ids=repr
)
def test_any_json_value_is_data(data: Any) -> None:
    event = over_the_wire(DomainEvent(type="a.b", data=data))
    assert (event.data, type(event.data)) == (data, type(data))


def test_binary_data_comes_back_as_the_bytes_that_it_was() -> None:
    event = DomainEvent(type="a.b", source="/x", data_base64=b"\x00\xff", datacontenttype="image/png")
    assert over_the_wire(event) == event


def test_the_attributes_of_an_event_of_a_known_type_come_back_too() -> None:
    event = failed(UsergroupFailure(workspace="coreos", error="no"), "r").model_copy(
        update={"source": "/x", "dataschema": "urn:x", "extensions": {"a": 1}, "datacontenttype": None}
    )
    back = over_the_wire(event)
    assert isinstance(back, UsergroupFailed)
    assert back == event


@pytest.mark.parametrize("value", [5, "", True, False, 0])
def test_a_correlation_id_that_is_no_text_stays_an_extension_and_is_written_back(value: str | int | bool) -> None:
    event = from_cloudevent(Event(type="a.b", source="/x", correlationid=value))
    assert event.correlation_id is None
    assert event.extensions == {"correlationid": value}
    assert to_cloudevent(event, "/unused").extensions == {"correlationid": value}


@pytest.mark.parametrize(
    "content",
    [
        {"data": {}},
        {"data": {"workspace": 1, "error": "no"}},
        {"data": "text"},
        {"data": [1]},
        {"data_base64": b"\xff"},
        {},
    ],
    ids=repr,
)
def test_an_event_that_does_not_fit_the_class_of_its_type_is_a_plain_one_and_complete(content: dict[str, Any]) -> None:
    wire = Event(**{"type": ERROR, "source": "/x", "correlationid": "r", "number": 1} | content)
    event = from_cloudevent(wire)
    assert type(event) is DomainEvent
    assert (event.data, event.data_base64) == (content.get("data"), content.get("data_base64"))
    assert (event.correlation_id, event.extensions) == ("r", {"number": 1})
    assert to_cloudevent(event, "/unused") == wire
