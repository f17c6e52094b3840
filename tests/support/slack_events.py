"""The events of Slack usergroups, as a run makes them."""

from qontract.application.slack_usergroups import SlackUsergroups
from qontract.domain.events import DomainEvent
from qontract.domain.integration import event_of_action
from qontract.domain.slack_usergroups import UsergroupAction, UsergroupFailure


def applied(action: UsergroupAction, correlation_id: str | None = None) -> DomainEvent:
    """Return the event of an action that was applied."""
    return event_of_action(SlackUsergroups.events, action, subject=action.subject, correlation_id=correlation_id)


def failed(failure: UsergroupFailure, correlation_id: str | None = None) -> DomainEvent:
    """Return the event of a failure."""
    subject = "/".join(filter(None, (failure.workspace, failure.usergroup)))
    return event_of_action(SlackUsergroups.events, failure, subject=subject, correlation_id=correlation_id)
