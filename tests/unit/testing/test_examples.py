"""Events built of examples."""

import pytest

from qontract import DomainEvent
from qontract.domain.slack_usergroups import UsergroupFailed, UsergroupUsersUpdated
from qontract.testing import example


def test_it_has_the_examples_of_its_fields_and_what_the_test_says() -> None:
    event = example(UsergroupUsersUpdated, users_to_add=("dave",), correlation_id="request-1")
    assert (event.data.users_to_add, event.data.users_to_remove) == (("dave",), ("bob",))
    assert event.correlation_id == "request-1"


def test_the_subject_follows_the_action() -> None:
    assert example(UsergroupUsersUpdated, usergroup="team-b").subject == "coreos/team-b"
    assert example(UsergroupUsersUpdated, subject="another").subject == "another"


def test_each_has_an_id_of_its_own() -> None:
    assert example(UsergroupFailed).id != example(UsergroupFailed).id


def test_data_may_be_given_whole() -> None:
    assert example(UsergroupFailed, data={"workspace": "osbs", "error": "no"}).data.workspace == "osbs"


def test_a_name_that_is_no_field_is_refused() -> None:
    with pytest.raises(TypeError, match="no field usergruop"):
        example(UsergroupFailed, usergruop="team-a")


class Counted(DomainEvent):
    """Something was counted."""

    type: str = "com.example.testing.counted"
    data: int = 1


def test_data_that_is_no_model_has_no_fields_and_may_be_given() -> None:
    assert example(Counted, data=7).data == 7
    with pytest.raises(TypeError, match="no field number"):
        example(Counted, number=7)
