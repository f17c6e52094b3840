"""JSON lines: the audit log."""

import os
import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from qontract.adapters import private_files
from qontract.adapters.cloudevents import to_cloudevent
from qontract.application.ports.event_handler import Delivery, EventHandler
from qontract.domain.events import DomainEvent


class JsonLinesEventHandler(EventHandler):
    """Appends each event as a line, its CloudEvent in full, to a file that only its owner may read.

    Several processes may append to one file. One of another user, or in another user's directory, is refused; one of
    ours that others may read is narrowed. Raises OSError if the line could not be written.
    """

    class Settings(BaseModel):
        """`QAPI_AUDIT_LOG__…`: `file` is where the lines go; `-` is standard output."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        file: str = Field(default="-", min_length=1)

    def __init__(self, settings: Settings) -> None:
        self._path = settings.file

    async def handle(self, event: DomainEvent, delivery: Delivery) -> None:  # noqa: ARG002 - every attempt is the same
        """Append the line."""
        line = to_cloudevent(event, source="qontract-api").to_json() + b"\n"
        if self._path == "-":
            sys.stdout.write(line.decode())
            sys.stdout.flush()
            return
        file = private_files.open_to_append(Path(self._path))
        try:
            if os.write(file, line) != len(line):
                raise OSError(f"{self._path}: only a part of a line was written")
        finally:
            os.close(file)
