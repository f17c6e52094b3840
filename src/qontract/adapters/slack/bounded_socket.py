"""How an answer of Slack is read within its bounds."""

import socket
from io import BufferedReader, RawIOBase
from typing import Any

from qontract.adapters.call_bounds import Bounds


class BoundedSocket:
    """What http.client reads an answer from: `makefile`, the part of a socket that it needs for that."""

    def __init__(self, connection: socket.socket, bounds: Bounds) -> None:
        self._connection = connection
        self._bounds = bounds

    def makefile(self, mode: str) -> BufferedReader:  # noqa: ARG002 - it is always rb
        """Return a file of what comes, within the bounds."""
        return BufferedReader(_BoundedReader(self._connection, self._bounds))


class _BoundedReader(RawIOBase):
    """Reads from a socket. Each piece has the time that is left, and not its own: so a byte a second has an end."""

    def __init__(self, connection: socket.socket, bounds: Bounds) -> None:
        self._file = connection.makefile("rb", buffering=0)
        self._connection = connection
        self._bounds = bounds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._connection.settimeout(self._bounds.seconds_left())
        received: int | None = self._file.readinto(buffer)
        self._bounds.count(received or 0)
        return received

    def close(self) -> None:
        self._file.close()
        super().close()
