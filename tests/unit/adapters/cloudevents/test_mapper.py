"""Domain events to their wire form, and back."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat

from qontract.adapters.cloudevents import Event, from_cloudevent, to_cloudevent
from qontract.domain.events import DomainEvent
from qontract.domain.slack_usergroups import Failure, UsergroupFailed, failed

FULL = DomainEvent(
    type="else.where",
    data={"text": "ä", "null": None},
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
    event = failed(Failure(workspace="coreos", error="no"), "request-1")
    back = over_the_wire(event)
    assert isinstance(back, UsergroupFailed)
    assert back == event.model_copy(update={"source": "/here"})


def test_the_sdk_sees_what_the_event_says() -> None:
    seen = JSONFormat().read(
        None, to_cloudevent(failed(Failure(workspace="coreos", error="no"), "r"), "/here").to_json()
    )
    assert seen.get_type() == "qontract-api.slack-usergroups.error"
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
    "name", ["id", "time", "type", "source", "subject", "data", "specversion", "datacontenttype", "correlationid"]
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
    assert (event.id, event.source, event.subject, event.data, event.correlation_id) == ("1", "/x", None, {}, None)
    assert before <= event.time <= datetime.now(UTC)


def test_a_field_that_a_newer_version_added_is_kept() -> None:
    data = {"workspace": "coreos", "error": "no", "newer": {"a": [None]}}
    event = from_cloudevent(Event(type="qontract-api.slack-usergroups.error", source="/x", data=data))
    assert event.model_dump(mode="json")["data"]["newer"] == {"a": [None]}


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": [1]},
        {"data": "text"},
        {"data": 1},
        {"data_base64": "AAAA"},
        {"correlationid": 5, "data": {}},
        {"type": "qontract-api.slack-usergroups.error", "data": {}},
        {"type": "qontract-api.slack-usergroups.error", "data": {"workspace": 1, "error": "no"}},
    ],
)
def test_what_is_no_domain_event_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of its words
        from_cloudevent(Event(**{"type": "a.b", "source": "/x"} | wrong))
