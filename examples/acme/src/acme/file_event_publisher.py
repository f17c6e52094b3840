"""An adapter of Acme's own for a port of qontract: events go to a file, for machines without Redis."""

from collections.abc import Sequence
from fcntl import LOCK_EX, flock
from pathlib import Path

from qontract import DomainEvent
from qontract.adapters.cloudevents import CloudEventsEventFormat
from qontract.application.ports.event_publisher import EventPublisher, EventPublisherError


class FileEventPublisher(EventPublisher):
    """Appends each event to the file, as a line; other processes may do so too."""

    def __init__(self, file: Path, source: str = "acme") -> None:
        self._file = file
        self._source = source
        self._format = CloudEventsEventFormat(source)

    def publish(self, events: Sequence[DomainEvent]) -> None:
        """Append the events, but for those that are there already."""
        try:
            lines = {(event.source or self._source, event.id): self._format.encode(event) for event in events}
        except ValueError as error:
            raise EventPublisherError(f"an event was refused: {error}", refused=True) from error
        if not lines:
            return
        try:
            with self._file.open("a+b") as file:
                flock(file, LOCK_EX)  # until it is closed
                file.seek(0)
                known = {(event.source, event.id) for event in map(self._format.decode, file)}
                file.write(b"".join(line + b"\n" for key, line in lines.items() if key not in known))
        except OSError as error:
            raise EventPublisherError(f"{self._file}: {error.strerror}") from error
