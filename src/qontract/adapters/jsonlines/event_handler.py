"""JSON lines: the audit log."""

import os
import sys

from qontract.adapters.cloudevents import to_cloudevent
from qontract.application.ports.event_handler import EventHandler
from qontract.domain.events import DomainEvent


class JsonLinesEventHandler(EventHandler):
    """Appends each event as a line, its CloudEvent in full, to the file at `path`; `-` is standard output.

    Several processes may append to one file. Raises OSError if the line could not be written.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    async def handle(self, event: DomainEvent) -> None:
        """Append the line."""
        line = to_cloudevent(event, source="qontract-api").to_json() + b"\n"
        if self._path == "-":
            sys.stdout.write(line.decode())
            sys.stdout.flush()
            return
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            if os.write(file, line) != len(line):
                raise OSError(f"{self._path}: only a part of a line was written")
        finally:
            os.close(file)
