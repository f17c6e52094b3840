"""Port: the kept events as a process sees them, for all its subscriptions."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from qontract.application.ports.async_event_publisher import AsyncEventPublisher
from qontract.application.ports.event_handler import EventHandler
from qontract.application.ports.event_log import EventLog, Measures


@dataclass(frozen=True)
class Trimmed:
    """What trimming did: how many events it removed, and which subscriptions no longer hold it back."""

    events: int
    abandoned: tuple[str, ...]


class EventLogs(Protocol):
    """The connection of one event loop to the kept events; an asynchronous context manager.

    - `of` returns the view of one subscription; `publisher` publishes on the same connection.
    - `trim` removes what is older than the retention and what every living subscription has acknowledged: nothing else.
      A subscription lives for so many seconds after its last `show_alive`. It works on a full server.
    - `measures` has every subscription there is, also those that nobody runs.
    - `evicting_policy` names the server's policy if it may evict kept events, or is empty.
    - Every method raises EventLogError and nothing else.
    """

    publisher: AsyncEventPublisher

    @abstractmethod
    async def __aenter__(self) -> Self:
        """Connect, when it is first used."""

    @abstractmethod
    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""

    @abstractmethod
    def of(self, subscription: str, handler: EventHandler[Any]) -> EventLog:
        """Return the view of a subscription, with the types and the policy of its handler."""

    @abstractmethod
    async def show_alive(self, subscriptions: tuple[str, ...]) -> None:
        """Show that the subscriptions are run."""

    @abstractmethod
    async def trim(self, retention_seconds: float, abandoned_seconds: float) -> Trimmed:
        """Remove what nobody needs any more."""

    @abstractmethod
    async def measures(self) -> Mapping[str, Measures]:
        """Say how far each subscription has come."""

    @abstractmethod
    async def evicting_policy(self) -> str:
        """Name the policy by which kept events may be evicted."""
