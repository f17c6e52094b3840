"""Intents that this version does not know, beside one that it does."""

import pytest

from qontract.adapters.memory import InMemoryEventPublisher, InMemoryIntents, InMemorySlackUsergroups
from qontract.application.event_manager import EventManager
from qontract.application.pending_intents import resolve
from qontract.domain.events import DomainEvent
from qontract.domain.slack_usergroups import UpdateUsers, UsergroupFailed, UsergroupFailure
from qontract.domain.slack_workspace import SlackUser, SlackUsergroup, SlackWorkspace
from tests.support.slack_events import applied

LOCK = "slack-usergroups/acme"
ALICE = SlackUser(id="U1", name="alice")
TEAM_A = SlackUsergroup(id="S1", handle="team-a", user_ids=("U1",))
JOINED = UpdateUsers(
    workspace="acme",
    usergroup="team-a",
    usergroup_id="S1",
    users=("alice",),
    user_ids=("U1",),
    users_to_add=("alice",),
    users_to_remove=(),
)


@pytest.mark.parametrize(
    "unknown",
    [
        DomainEvent(type="a.b", data={"number": 1}),
        DomainEvent(type="a.b", data=JOINED),
        UsergroupFailed(data=UsergroupFailure(workspace="acme", error="no")),
    ],
    ids=["no action", "an action of another integration", "an event of no action"],
)
def test_an_intent_that_is_not_known_stays_pending_and_keeps_no_other_from_being_resolved(unknown: DomainEvent) -> None:
    publisher = InMemoryEventPublisher()
    intents = InMemoryIntents(publisher)
    slack = InMemorySlackUsergroups(SlackWorkspace(name="acme", users=(ALICE,), usergroups=(TEAM_A,)))
    events, known = EventManager(publisher, intents=intents), applied(JOINED)
    for event in (unknown, known):
        assert events.intend(LOCK, event)
    resolve(events.pending()[LOCK], slack.read("acme"), slack, events)
    assert [event.id for event in publisher.events] == [known.id]
    assert [event.id for event in events.pending()[LOCK]] == [unknown.id]
