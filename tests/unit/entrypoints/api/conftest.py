"""An API with its adapters in memory."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from qontract.adapters.memory import InMemoryJobQueue, InMemorySlackUsergroups
from qontract.application.ports.job_queue import JobQueue
from qontract.application.ports.server_check import ServerCheck
from qontract.application.reconcile import reconcile
from qontract.domain.slack_workspace import SlackUser, SlackWorkspace
from qontract.entrypoints.integrations import Installed
from qontract.entrypoints.tokens import issue_token
from tests.support.api_in_memory import SECRET, api_in_memory

PATH = "/api/v1/integrations/slack-usergroups/reconcile"
DESIRED = {"workspaces": [{"name": "coreos", "usergroups": [{"handle": "team-a", "users": ["alice"]}]}]}
MAX_BODY_BYTES = 20_000
SLACK = Installed({"slack-usergroups": InMemorySlackUsergroups})


def bearer(*scopes: str, subject: str = "ci", secret: str = SECRET, **claims: Any) -> dict[str, str]:
    """The header of a request with a token."""
    about: dict[str, Any] = {
        "lifetime": timedelta(days=1),
        "audience": "qontract-api",
        "issuer": "qontract",
    } | claims
    return {"authorization": f"Bearer {issue_token(secret, subject, scopes, **about)}"}


MakeApp = Callable[..., FastAPI]
"""Makes the API on a queue; what may be set besides is what `make_app` takes."""


def in_bytes(headers: Mapping[str, str | bytes]) -> dict[bytes, bytes]:
    """The headers of a request as they are sent: values may be anything."""
    return {name.encode(): value if isinstance(value, bytes) else value.encode() for name, value in headers.items()}


PLANS = bearer("reconcile:plan")
APPLIES = bearer("reconcile:apply")


@pytest.fixture
def queue() -> InMemoryJobQueue:
    """Jobs wait in it until the test runs them."""
    return InMemoryJobQueue({"slack-usergroups": partial(reconcile, integration=coreos())}, hold=True)


def coreos() -> InMemorySlackUsergroups:
    """A workspace with one user and no usergroup."""
    return InMemorySlackUsergroups(SlackWorkspace(name="coreos", users=(SlackUser(id="U1", name="alice"),)))


class QueueOfTheTest:
    """Passes everything on to the queue of the test that runs: an application costs more than what is asked of it."""

    def __init__(self) -> None:
        self.current = InMemoryJobQueue({}, hold=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.current, name)


@pytest.fixture(scope="session")
def make_app() -> MakeApp:
    def make(
        queue: JobQueue,
        installed: Installed = SLACK,
        api: Mapping[str, Any] | None = None,
        server: ServerCheck | None = None,
        **auth: Any,
    ) -> FastAPI:
        return api_in_memory(queue, installed, {"max_body_bytes": MAX_BODY_BYTES, **(api or {})}, auth, server)

    return make


@pytest.fixture(scope="session")
def made(make_app: MakeApp) -> tuple[FastAPI, QueueOfTheTest]:
    """One for all tests that need no settings of their own: without limits, so that none is refused for the others."""
    queue: Any = QueueOfTheTest()
    return make_app(queue, api={"requests_at_once": 1_000_000, "open_jobs": 1_000_000}), queue


@pytest.fixture
def app(made: tuple[FastAPI, QueueOfTheTest], queue: InMemoryJobQueue) -> FastAPI:
    app, made[1].current = made[0], queue
    app.state.stopping.clear()
    return app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api")


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client
