"""What every integration has: a request that says whether it is a dry run, and one class of event for each action."""

from typing import Any

import pytest
from pydantic import ValidationError

from qontract.domain.github_teams import TeamDeleted
from qontract.domain.integration import Plan, event_of_action
from qontract.domain.slack_desired_state import DesiredUsergroups
from qontract.domain.slack_usergroups import UsergroupFailed, UsergroupFailure, UsergroupsBlocked

EVENTS = (UsergroupsBlocked, UsergroupFailed)
FAILURE = UsergroupFailure(workspace="coreos", error="no")


def test_an_action_becomes_the_event_that_has_its_type_as_data() -> None:
    event = event_of_action(EVENTS, FAILURE, subject="coreos")
    assert isinstance(event, UsergroupFailed)
    assert (event.data, event.subject) == (FAILURE, "coreos")


def test_an_action_that_no_event_has_as_data_is_named_with_what_to_do() -> None:
    with pytest.raises(LookupError, match="no event type has UsergroupFailure as its data; name it in `events`"):
        event_of_action((TeamDeleted,), FAILURE)


@pytest.mark.parametrize("dry_run", ["false", "no", 0, None])
def test_whether_it_is_a_dry_run_is_no_guess(dry_run: object) -> None:
    with pytest.raises(ValidationError, match="dry_run"):
        DesiredUsergroups.model_validate({"workspaces": [{"name": "coreos", "usergroups": []}], "dry_run": dry_run})


def test_a_request_is_never_changed() -> None:
    desired = DesiredUsergroups.model_validate({"workspaces": [{"name": "coreos", "usergroups": []}]})
    with pytest.raises(ValidationError, match="frozen"):
        desired.dry_run = False  # type: ignore[misc]


def test_a_plan_leaves_no_error_out_unless_it_says_so() -> None:
    assert Plan[Any]((), 0).errors_left_out == 0
