"""Domain events, and the catalogue of their types."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from qontract.domain import events
from qontract.domain.events import DomainEvent, EventData, catalogue


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
        {"data": None},
        {"data": [1]},
        {"data": "text"},
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
    namespace = {"__qualname__": "Second", "__annotations__": {"type": str}, "type": name}
    with pytest.raises(TypeError, match="is the event type"):
        type("Second", (DomainEvent,), namespace)


def test_the_catalogue_cannot_be_changed_from_outside() -> None:
    with pytest.raises(TypeError):
        catalogue()["x"] = DomainEvent  # type: ignore[index]


def test_the_catalogue_finds_the_types_by_itself() -> None:
    program = "from qontract.domain.events import catalogue; print(*sorted(catalogue()))"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    actions = ("create", "error", "update_metadata", "update_users")
    assert set(output.split()) >= {f"qontract-api.slack-usergroups.{action}" for action in actions}


@pytest.mark.parametrize("name", sorted(catalogue()))
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
