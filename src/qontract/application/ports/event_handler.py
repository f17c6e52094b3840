"""Port: what an integration implements to react to events."""

from abc import abstractmethod
from typing import Protocol

from qontract.domain.events import DomainEvent


class EventHandler(Protocol):
    """Reacts to events.

    - `types` says which it wants: wire names, `*` standing for any text (`qontract-api.slack-usergroups.*`, `*`).
    - `handle` is awaited once for each such event, at least: after a failure or a crash it is called again with the
      same event, of the same `id`.
    - Returning means handled. Any exception means not handled.
    - An event of a type that has no class is a plain DomainEvent, its `data` a dict.
    """

    types: tuple[str, ...] = ("*",)

    @abstractmethod
    async def handle(self, event: DomainEvent) -> None:
        """React to one event."""
