from typing import Any

import pytest
from pydantic import AliasChoices, ConfigDict, Field, create_model

from qontract.adapters.cloudevents import example
from qontract.domain.events import DomainEvent, EventData
from qontract.domain.slack_usergroups import UsergroupFailed, UsergroupUsersUpdated
from tests.support.outside import outside_data, outside_event


def opened(**fields: Any) -> type[DomainEvent]:
    return outside_event("com.acme.opened", outside_data("Opened", module="acme", **fields))


def data_of(event_type: type[DomainEvent]) -> dict[str, Any]:
    data: dict[str, Any] = example(event_type).model_dump(mode="json")["data"]
    return data


def test_the_example_of_an_action_has_the_subject_of_that_action() -> None:
    made = example(UsergroupUsersUpdated)
    assert isinstance(made, UsergroupUsersUpdated)
    assert (made.subject, made.data.users_to_add) == ("coreos/team-a", ("carol",))


def test_the_example_of_what_is_no_action_has_no_subject() -> None:
    assert example(UsergroupFailed).subject is None
    assert example(opened(workspace=(str, "a"), usergroup=(str, "b"))).subject is None


def test_an_example_of_the_field_comes_before_its_default_and_a_made_up_value_last() -> None:
    event_type = opened(a=(str, Field("x", examples=["y"])), b=(str, "x"), some_name=(str, ...), number=(int, ...))
    assert data_of(event_type) == {"a": "y", "b": "x", "some_name": "some_name", "number": 1}


def test_a_field_of_several_names_has_the_first_of_them() -> None:
    assert data_of(opened(ticket_id=(str, Field(validation_alias=AliasChoices("ticket_id", "ticket"))))) == {
        "ticket_id": "ticket_id"
    }


def test_a_strict_model_gets_what_json_makes_of_it() -> None:
    strict = create_model("Strict", __base__=EventData, __module__="acme", names=(tuple[str, ...], Field(min_length=1)))
    strict.model_config = ConfigDict(strict=True)
    strict.model_rebuild(force=True)
    assert data_of(outside_event("com.acme.opened", strict)) == {"names": ["names"]}


def test_a_type_that_refuses_what_is_made_up_is_said_with_what_to_do() -> None:
    with pytest.raises(ValueError, match="no example of Opened: give the fields of its data examples"):
        example(opened(number=(str, Field(pattern="^[0-9]+$"))))


def test_a_model_that_is_within_itself_has_no_example_and_ends() -> None:
    class Node(EventData):
        child: "Node"

    with pytest.raises(ValueError, match="no example"):
        example(outside_event("com.acme.opened", Node))
