"""Domain events, and the catalogue of their types."""

import json
import re
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Literal, Self

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError, model_validator

from qontract.domain import events
from qontract.domain.events import DomainEvent, EventData, catalogue, read_event, type_pattern

OURS = {name for name, kind in catalogue().items() if kind.__module__.startswith("qontract.")}


class _Data(EventData):
    name: str = Field(examples=["a"])


@pytest.fixture
def own_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Types that a test adds are forgotten after it."""
    monkeypatch.setattr(events, "_types", dict(catalogue()))


def test_id_and_time_are_born_with_the_fact() -> None:
    before = datetime.now(UTC)
    one, other = DomainEvent(type="a.b", data={}), DomainEvent(type="a.b", data={})
    assert one.id != other.id
    assert before <= one.time <= datetime.now(UTC)
    assert one.time.tzinfo is UTC


def test_an_event_does_not_change() -> None:
    event = DomainEvent(type="a.b", data={})
    with pytest.raises(ValidationError):
        event.id = "another"  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": ""},
        {"id": ""},
        {"subject": ""},
        {"source": ""},
        {"correlation_id": ""},
        {"time": datetime(2026, 1, 31)},  # noqa: DTZ001 - what is refused
        {"data": b"\xff"},
        {"data": {1: "a"}},
        {"data": datetime(2026, 1, 31, tzinfo=UTC)},
        {"data_base64": b"\xff"},
        {"data": None, "data_base64": "-_8="},
        {"data": None, "data_base64": "AA-AA"},
        {"data": None, "data_base64": 5},
        {"datacontenttype": ""},
        {"dataschema": ""},
        {"extensions": {"a": 1.5}},
        {"extensions": {"a": None}},
    ],
)
def test_what_is_no_fact_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DomainEvent.model_validate({"type": "a.b", "data": {}} | wrong)


def test_extensions_keep_their_types() -> None:
    event = DomainEvent(type="a.b", data={}, extensions={"text": "1", "number": 1, "truth": True})
    assert [type(value) for value in event.extensions.values()] == [str, int, bool]


@pytest.mark.parametrize(
    "data", [None, [1], "text", 1, 1.5, True, False, 0, "", {}, {"a": [None, {"b": 2**70}]}], ids=repr
)
def test_any_json_value_is_data(data: Any) -> None:
    event = DomainEvent(type="a.b", data=data)
    back = read_event(event.model_dump_json())
    assert (back.data, type(back.data)) == (event.data, type(event.data)) == (data, type(data))


def test_data_may_be_absent() -> None:
    assert DomainEvent(type="a.b").data is None


def test_binary_data_is_the_bytes_themselves_and_base64_in_json() -> None:
    event = DomainEvent(type="a.b", data_base64=b"\xfb\xff", datacontenttype="image/png")
    assert event.data_base64 == b"\xfb\xff"
    assert json.loads(event.model_dump_json())["data_base64"] == "+/8="


@pytest.mark.parametrize(
    "content", [{"data": {"a": [None]}}, {"data_base64": b"AAAA"}, {"data_base64": b""}, {}], ids=repr
)
def test_an_event_is_read_back_with_every_attribute(content: dict[str, Any]) -> None:
    event = DomainEvent(
        type="else.where",
        **content,
        datacontenttype="text/plain",
        dataschema="urn:x",
        subject="ä",
        source="/x",
        correlation_id="r",
        extensions={"correlationid": 5, "b": True, "i": 1, "s": ""},
    )
    assert read_event(event.model_dump_json()) == event


def test_an_event_of_before_there_were_more_attributes_is_read() -> None:
    event = read_event(b'{"type":"a.b","data":{"a":1},"id":"1","time":"2026-01-31T12:00:00Z","extensions":{}}')
    assert (event.data, event.data_base64, event.datacontenttype) == ({"a": 1}, None, "application/json")


def test_an_event_that_its_class_refuses_is_read_as_a_plain_one() -> None:
    event = DomainEvent(type="qontract-api.slack-usergroups.error", data=[1], source="/x")
    back = read_event(event.model_dump_json())
    assert type(back) is DomainEvent
    assert back == event


@pytest.mark.usefixtures("own_catalogue")
def test_an_event_whose_class_raises_what_it_should_not_is_read_as_a_plain_one() -> None:
    class Broken(DomainEvent):
        type: Literal["test.broken"] = "test.broken"

        @model_validator(mode="after")
        def _look(self) -> Self:
            raise KeyError("a bug")

    assert catalogue()["test.broken"] is Broken
    assert type(read_event(b'{"type":"test.broken","data":1}')) is DomainEvent


# The order key.


def key(event_type: str = "a.b.c", source: str | None = "/x", subject: str | None = "s", **extensions: Any) -> str:
    return DomainEvent(type=event_type, source=source, subject=subject, extensions=extensions).order_key


def test_events_of_one_integration_and_subject_have_one_order_key() -> None:
    assert key("q.slack.create") == key("q.slack.update_users", number=1)


@pytest.mark.parametrize(
    "other",
    [key("q.github.create"), key("q.slack.create", "/y"), key("q.slack.create", subject="t"), key("create")],
)
def test_another_integration_source_or_subject_is_another_order_key(other: str) -> None:
    assert key("q.slack.create") != other


def test_a_partition_key_is_the_order_key() -> None:
    assert key("a.b", "/x", "s", partitionkey="p") == key("c.d", "/y", None, partitionkey="p")
    assert key("a.b", "/x", "s", partitionkey="p") != key("a.b", "/x", "s", partitionkey="o")


@pytest.mark.parametrize("no_key", ["", 0, 5, True])
def test_a_partition_key_that_is_no_text_is_none(no_key: str | int | bool) -> None:
    assert key(partitionkey=no_key) == key()


def test_a_copy_of_an_event_that_knows_its_order_key_has_its_own() -> None:
    event = DomainEvent(type="a.b", subject="s").with_order_key()
    assert event.order_key == DomainEvent(type="a.b", subject="s").order_key
    copied = event.model_copy(update={"subject": "t"})
    assert copied.order_key == DomainEvent(type="a.b", subject="t").order_key
    assert event == event.model_copy()
    assert "_order_key" not in event.model_dump()


# Few characters, and among them those that the key itself is made of: what could be mistaken is tried.
parts = st.text("0123,:=.", max_size=4)
of_three = st.tuples(parts, parts, parts)


@example(("a", "", ""), ("", "", "a"))
@example(("a", "", ""), ("", "a", ""))
@example(("", "a", ""), ("", "", "a"))
@given(of_three, of_three)
def test_different_sources_types_and_subjects_never_share_an_order_key(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    keys = {key(f"{kind}.x", source or None, subject or None) for source, kind, subject in (one, other)}
    assert len(keys) == len({one, other})


@given(of_three, parts.filter(bool))
def test_a_partition_key_is_never_the_order_key_of_something_else(one: tuple[str, str, str], partition: str) -> None:
    source, kind, subject = one
    other = key(f"{kind}.x", source or None, subject or None)
    assert key(partitionkey=partition) != other
    assert key(partitionkey=other) != other


few = st.text("ab*\n", max_size=8)


@given(few, few)
def test_a_star_stands_for_any_text_and_everything_else_for_itself(wanted: str, event_type: str) -> None:
    meant = "".join("[\\s\\S]*" if char == "*" else re.escape(char) for char in wanted)
    assert bool(type_pattern(wanted).fullmatch(event_type)) is bool(re.fullmatch(meant, event_type))


def test_a_long_type_is_matched_with_many_stars_at_once() -> None:
    started = monotonic()
    assert not type_pattern("*a" * 20).fullmatch("a" * 20_000 + "b")
    assert type_pattern("*a" * 20).fullmatch("a" * 20_000)
    assert monotonic() - started < 1


def test_the_data_of_a_type_without_a_class_is_a_dict_and_complete() -> None:
    data = {"a": [1, None, {"b": "ü"}], "c": None, "d": False}
    event = DomainEvent.model_validate_json(json.dumps({"type": "else.where", "data": data}))
    assert type(event) is DomainEvent
    assert event.data == data


def test_data_that_is_a_model_is_complete_when_written() -> None:
    event = DomainEvent(type="a.b", data=_Data(name="x"))
    assert event.model_dump(mode="json")["data"] == {"name": "x"}


def test_a_field_that_a_newer_version_added_is_kept() -> None:
    data = _Data.model_validate({"name": "x", "newer": [None]})
    assert data.model_dump() == {"name": "x", "newer": [None]}


@pytest.mark.usefixtures("own_catalogue")
def test_a_class_with_a_wire_name_is_all_that_a_new_type_needs() -> None:
    class Moved(DomainEvent):
        """Something moved."""

        type: Literal["test.moved"] = "test.moved"
        data: _Data

    assert catalogue()["test.moved"] is Moved


@pytest.mark.usefixtures("own_catalogue")
def test_a_class_without_a_wire_name_is_refused() -> None:
    with pytest.raises(TypeError, match="Nameless: give the field `type` its wire name as a default"):
        type("Nameless", (DomainEvent,), {"__qualname__": "Nameless"})


@pytest.mark.usefixtures("own_catalogue")
def test_a_second_class_of_one_wire_name_is_refused() -> None:
    name = next(iter(catalogue()))
    for module in (__name__, catalogue()[name].__module__):
        namespace = {"__qualname__": "Second", "__module__": module, "__annotations__": {"type": str}, "type": name}
        with pytest.raises(TypeError, match="is the event type"):
            type("Second", (DomainEvent,), namespace)


def test_the_catalogue_cannot_be_changed_from_outside() -> None:
    with pytest.raises(TypeError):
        catalogue()["x"] = DomainEvent  # type: ignore[index]


@pytest.mark.parametrize(
    "name", sorted(name for name, kind in catalogue().items() if kind.__module__.startswith("qontract."))
)
def test_every_type_has_a_valid_example_and_a_summary(name: str) -> None:
    event_type = catalogue()[name]
    model = event_type.model_fields["data"].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    assert event_type.__doc__
    fields = model.model_fields
    data = {key: field.examples[0] for key, field in fields.items() if field.examples}
    without = {key for key, field in fields.items() if not field.examples}
    assert without <= {"action_type"}  # a constant is its own example
    event = event_type.model_validate({"data": data})
    assert event.type == name
    assert event.model_dump(mode="json", include={"data"})["data"].items() >= json.loads(json.dumps(data)).items()
