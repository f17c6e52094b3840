"""The contract of integrations refuses those that do not keep it."""

import inspect
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, ClassVar

import pytest

from qontract import DomainEvent, EventData, Failure, IntegrationError, Plan
from qontract.adapters.memory import InMemorySlackUsergroups
from qontract.domain.slack_desired_state import DesiredWorkspace
from qontract.domain.slack_usergroups import CreateUsergroup, UpdateUsers, UsergroupAction
from qontract.domain.slack_workspace import SlackUser, SlackUsergroup, SlackWorkspace
from qontract.testing import InMemoryEventManager, IntegrationContract

USERS = (SlackUser(id="U1", name="alice"), SlackUser(id="U2", name="bob"))
GROUP = SlackUsergroup(id="S1", handle="team-a", user_ids=("U1",))
GROUPS = [{"handle": "team-a", "users": ["bob"]}, {"handle": "new", "users": ["alice"]}]
ARGUMENTS: dict[str, Any] = {
    "desired": {"workspaces": [{"name": "coreos", "usergroups": GROUPS}]},
    "elsewhere": {"workspaces": [{"name": "osbs", "usergroups": GROUPS}]},
}


class Right(InMemorySlackUsergroups):
    """Keeps the contract."""

    def __init__(self) -> None:
        super().__init__(*(SlackWorkspace(name=name, users=USERS, usergroups=(GROUP,)) for name in ("coreos", "osbs")))


class ReadsAnything(Right):
    """Has every scope."""

    def read(self, scope: str) -> SlackWorkspace:
        return self.workspaces.get(scope, SlackWorkspace(name=scope))


class RaisesWhatComes(Right):
    """Lets errors of its own out."""

    def read(self, scope: str) -> SlackWorkspace:
        return self.workspaces[scope]


class Doubtful(Right):
    """Plans something else each time."""

    _numbers = count()

    def plan(self, desired: DesiredWorkspace, state: SlackWorkspace) -> Plan[UsergroupAction]:
        plan = super().plan(desired, state)
        return Plan(plan.actions[next(self._numbers) % 2 :], plan.memberships)


class Acts(Right):
    """Does in its plan what is to be done."""

    def plan(self, desired: DesiredWorkspace, state: SlackWorkspace) -> Plan[UsergroupAction]:
        plan = super().plan(desired, state)
        for action in plan.actions:
            self.apply(action)
        return plan


class Repeats(Right):
    """Plans the same action twice."""

    def plan(self, desired: DesiredWorkspace, state: SlackWorkspace) -> Plan[UsergroupAction]:
        plan = super().plan(desired, state)
        return Plan((*plan.actions, *plan.actions), plan.memberships)


class Silent(UpdateUsers):
    """Does not say what it changes."""

    @property
    def summary(self) -> str:
        return ""


class SaysNothing(Right):
    """Plans actions without a summary."""

    def plan(self, desired: DesiredWorkspace, state: SlackWorkspace) -> Plan[UsergroupAction]:
        plan = super().plan(desired, state)
        said = [Silent.model_validate(dict(each)) if isinstance(each, UpdateUsers) else each for each in plan.actions]
        return Plan(said, plan.memberships)


class DoesNothing(Right):
    """Says that it is done, and it is not."""

    def apply(self, action: UsergroupAction) -> None:
        pass


class RefusesAll(Right):
    """Refuses every action."""

    def apply(self, action: UsergroupAction) -> None:
        raise IntegrationError("no")


class SeesNothing(Right):
    """Sees of no action that it was applied."""

    def observed(self, action: UsergroupAction, state: SlackWorkspace) -> UsergroupAction | None:
        return None


class SeesEverything(Right):
    """Sees of every action that it was applied."""

    def observed(self, action: UsergroupAction, state: SlackWorkspace) -> UsergroupAction | None:
        return action


class LacksTheBlocked(Right):
    """Has no event for a plan that was stopped."""

    events: ClassVar[tuple[type[DomainEvent], ...]] = InMemorySlackUsergroups.events[:-1]


class LacksTheFailure(Right):
    """Has no event for its own form of a failure."""

    def failure(self, failure: Failure) -> EventData:
        return failure


class AnotherName(Right):
    """Has the events of another integration."""

    name: ClassVar[str] = "another"


class Mixes(Right):
    """Changes the other workspace too."""

    def apply(self, action: UsergroupAction) -> None:
        super().apply(action)
        if isinstance(action, CreateUsergroup) and action.workspace == "coreos":
            super().apply(action.model_copy(update={"workspace": "osbs"}))


class Closes(Right):
    """Has nothing any more once it was closed."""

    def close(self) -> None:
        self.workspaces.clear()


WRONG: list[tuple[str, type[Right]]] = [
    ("an_unknown_scope_is_an_error_that_names_it", ReadsAnything),
    ("an_unknown_scope_is_an_error_that_names_it", RaisesWhatComes),
    ("a_plan_is_the_same_twice_and_leaves_the_state_as_it_is", Doubtful),
    ("no_two_actions_of_a_plan_are_equal", Repeats),
    ("every_action_has_a_subject_and_one_line_that_says_what_changes", SaysNothing),
    ("an_action_shows_only_after_it_was_applied", SeesNothing),
    ("an_action_shows_only_after_it_was_applied", SeesEverything),
    ("an_action_shows_only_after_it_was_applied", DoesNothing),
    ("each_event_type_is_named_after_the_integration_and_is_in_the_catalogue", AnotherName),
    ("the_event_of_an_action_is_named_after_it_and_is_read_as_it_was_written", AnotherName),
    ("it_is_read_from_any_thread", Doubtful),
    ("after_close_it_goes_on", Closes),
    ("a_dry_run_says_what_it_would_do_and_changes_and_publishes_nothing", Acts),
    ("each_applied_action_is_published_once", RefusesAll),
    ("a_second_run_has_nothing_to_do", DoesNothing),
    ("a_failing_action_does_not_stop_the_others", LacksTheFailure),
    ("a_scope_that_cannot_be_read_is_an_event_and_nothing_of_it_is_changed", LacksTheFailure),
    ("a_plan_that_a_guard_stops_is_an_event_and_its_digest_lets_it_pass", LacksTheBlocked),
    ("two_scopes_have_nothing_to_do_with_each_other", Mixes),
    ("if_a_worker_dies_the_next_job_publishes_each_action_once", SeesNothing),
    ("if_no_job_comes_the_recovery_publishes_what_was_applied_once_and_nothing_else", SeesNothing),
    ("if_no_job_comes_the_recovery_publishes_what_was_applied_once_and_nothing_else", SeesEverything),
    ("an_answer_that_was_lost_is_a_failure_and_what_was_applied_is_published_all_the_same", SeesNothing),
]


def run(name: str, integration: type[Right], **parameters: Any) -> None:
    """Run one test of the contract."""
    test = getattr(IntegrationContract(), f"test_{name}")  # type: ignore[abstract] # its fixtures are given
    given = ARGUMENTS | {"integration": integration(), "events": InMemoryEventManager()} | parameters
    test(**{parameter: given[parameter] for parameter in inspect.signature(test).parameters})


def parameters_of(name: str) -> Iterator[Mapping[str, Any]]:
    """Give what a test is parametrized with."""
    marks = getattr(getattr(IntegrationContract, f"test_{name}"), "pytestmark", ())
    if not marks:
        yield {}
    for mark in marks:
        yield from ({mark.args[0]: value} for value in mark.args[1])


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_an_integration_that_does_not_keep_the_contract_is_refused(name: str, wrong: type[Right]) -> None:
    refused = 0
    for parameters in parameters_of(name):
        run(name, Right, **parameters)
        try:
            run(name, wrong, **parameters)
        except (Exception, pytest.fail.Exception):  # noqa: BLE001 - whatever it refuses with
            refused += 1
    assert refused, f"{wrong.__name__} passes"


def test_every_test_of_the_contract_is_shown_to_refuse_something() -> None:
    tests = {name.removeprefix("test_") for name in dir(IntegrationContract) if name.startswith("test_")}
    machinery = {  # what is asked of the model of the request, of pydantic, and of the run itself
        "the_request_is_json_and_says_its_scopes_and_is_a_dry_run_unless_it_says_otherwise",
        "a_field_that_the_request_does_not_have_is_refused",
        "an_example_can_be_made_of_each_event",
        "what_meets_a_rate_limit_is_tried_again",
    }
    assert tests - {name for name, _ in WRONG} == machinery


def test_a_request_that_shows_too_little_is_refused() -> None:
    few: Mapping[str, Any] = {"workspaces": [{"name": "coreos", "usergroups": GROUPS[:1]}]}
    with pytest.raises(AssertionError, match="two actions at least"):
        run("a_plan_is_the_same_twice_and_leaves_the_state_as_it_is", Right, desired=few)
