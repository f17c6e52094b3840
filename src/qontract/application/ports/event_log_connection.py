"""Port: the kept events, for all subscriptions of a process."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from qontract.application.ports.async_event_publisher import AsyncEventPublisher
from qontract.application.ports.event_handler import EventHandler
from qontract.application.ports.event_log import EventLog, Measures


@dataclass(frozen=True)
class Trimmed:
    """The result of trimming: how many events it removed, and which subscriptions do not hold it back any more."""

    events: int
    abandoned: tuple[str, ...]


class EventLogConnection(Protocol):
    """The connection of one event loop to the kept events; an asynchronous context manager.

    - `of` returns the view of one subscription; `publisher` publishes on the same connection.
    - `trim` removes events that are older than the retention, and that every living subscription has acknowledged:
      nothing else. A subscription lives for `abandoned_seconds` after its last `show_alive`. It works on a full server.
    - `measures` has all subscriptions, also those that nobody runs.
    - `evicting_policy` returns the name of the server's policy if it may evict kept events, else "".
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
        """Return the view of a subscription. Types and policy are those of its handler."""

    @abstractmethod
    async def show_alive(self, subscriptions: tuple[str, ...]) -> None:
        """Show that this process runs the subscriptions."""

    @abstractmethod
    async def trim(self, retention_seconds: float, abandoned_seconds: float) -> Trimmed:
        """Remove events that nobody needs any more."""

    @abstractmethod
    async def measures(self) -> Mapping[str, Measures]:
        """Return how far each subscription has come."""

    @abstractmethod
    async def evicting_policy(self) -> str:
        """Return the name of a policy that may evict kept events, or ""."""
