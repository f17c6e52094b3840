"""The events that all works use, and the same events as one would write them without this package."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from qontract.application.event_manager import EventManager
from qontract.domain.events import DomainEvent
from qontract.domain.slack_usergroups import UpdateUsers, UsergroupUsersUpdated
from qontract.entrypoints.container import Container

CHANNEL = "main"
STREAM = "qontract:{main}:events"
DATA = "__data__"
TYPE = "qontract-api.slack-usergroups.update_users"


def an_event_manager() -> EventManager:
    """Return a new one, wired as in a process of ours."""
    manager = Container().event_manager()
    if manager is None:
        raise RuntimeError("QAPI_EVENTS__ENABLED switches events off, and there is nothing to measure")
    return manager


def domain_events(count: int, subjects: int = 1000) -> list[DomainEvent]:
    """Return new events; their subjects take turns."""
    actions = [UpdateUsers(**_data(number % subjects)) for number in range(count)]
    return [UsergroupUsersUpdated(data=action, subject=action.subject, correlation_id="bench") for action in actions]


def dicts(count: int, subjects: int = 1000) -> list[dict[str, Any]]:
    """Return new events of the same content as dicts, ready for json.dumps: CloudEvents too."""
    return [
        {
            "specversion": "1.0",
            "type": TYPE,
            "source": "qontract-api",
            "id": str(uuid4()),
            "time": datetime.now(UTC).isoformat(),
            "subject": f"bench/group-{number % subjects}",
            "datacontenttype": "application/json",
            "data": {"action_type": "update_users", **_data(number % subjects), "enable": False},
            "correlationid": "bench",
        }
        for number in range(count)
    ]


def _data(group: int) -> dict[str, Any]:
    return {
        "workspace": "bench",
        "usergroup": f"group-{group}",
        "usergroup_id": f"S{group:08}",
        "users": ("alice", "bob", "carol", "dave", "erin"),
        "user_ids": ("U01ALICE", "U02BOB", "U03CAROL", "U04DAVE", "U05ERIN"),
        "users_to_add": ("erin",),
        "users_to_remove": ("frank",),
    }
