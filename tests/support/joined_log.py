"""A handler as an integration author would write it; the tests run it in memory and in the subscriber process."""

import os
from pathlib import Path

from qontract.application.ports.event_handler import Delivery, EventHandler
from qontract.domain.slack_usergroups import UsergroupUsersUpdated


class JoinedLog(EventHandler[UsergroupUsersUpdated]):
    """Writes who joined which usergroup, a line each, to the file that JOINED_FILE names."""

    async def handle(self, event: UsergroupUsersUpdated, delivery: Delivery) -> None:
        with Path(os.environ["JOINED_FILE"]).open("a") as file:  # noqa: ASYNC230 - a few bytes
            file.writelines(f"{name} joined {event.subject}\n" for name in event.data.users_to_add)
