"""The events of an integration: each action is the data of one class."""

import pytest

from qontract.domain.github_teams import TeamDeleted
from qontract.domain.integration import event_of
from qontract.domain.slack_usergroups import Failure, UsergroupFailed, UsergroupsBlocked

EVENTS = (UsergroupsBlocked, UsergroupFailed)
FAILURE = Failure(workspace="coreos", error="no")


def test_an_action_becomes_the_event_that_has_its_type_as_data() -> None:
    event = event_of(EVENTS, FAILURE, subject="coreos")
    assert isinstance(event, UsergroupFailed)
    assert (event.data, event.subject) == (FAILURE, "coreos")


def test_an_action_that_no_event_has_as_data_is_named_with_what_to_do() -> None:
    with pytest.raises(LookupError, match="no event type has Failure as its data; name it in `events`"):
        event_of((TeamDeleted,), FAILURE)
