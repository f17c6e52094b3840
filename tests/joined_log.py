"""A handler as an integration author would write it; the tests run it in memory and in the subscriber process."""

import os
from pathlib import Path

from qontract.application.ports.event_handler import EventHandler
from qontract.domain.events import DomainEvent
from qontract.domain.slack_usergroups import UsergroupUsersUpdated


class JoinedLog(EventHandler):
    """Writes who joined which usergroup, a line each, to the file that JOINED_FILE names."""

    types = ("qontract-api.slack-usergroups.update_users",)

    async def handle(self, event: DomainEvent) -> None:
        if isinstance(event, UsergroupUsersUpdated):
            with Path(os.environ["JOINED_FILE"]).open("a") as file:  # noqa: ASYNC230 - a few bytes
                file.writelines(f"{name} joined {event.subject}\n" for name in event.data.users_to_add)
