"""An API with its adapters in memory."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from qontract.adapters.memory import InMemoryJobAdmin, InMemoryJobQueue, InMemorySlackUsergroups
from qontract.application.ports.job_queue import JobQueue
from qontract.application.ports.server_check import ServerCheck
from qontract.application.reconcile import reconcile
from qontract.domain.slack_workspace import SlackUser, SlackWorkspace
from qontract.entrypoints.integrations import InstalledIntegrations
from qontract.entrypoints.tokens import issue_token
from tests.support.api_in_memory import SECRET, api_in_memory

PATH = "/api/v1/integrations/slack-usergroups/reconcile"
DESIRED = {"workspaces": [{"name": "coreos", "usergroups": [{"handle": "team-a", "users": ["alice"]}]}]}
MAX_BODY_BYTES = 20_000
SLACK = InstalledIntegrations({"slack-usergroups": InMemorySlackUsergroups})


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
AppOf = Callable[..., FastAPI]
"""Gives the API on a queue with nothing set besides: of what is installed, there is one for all tests."""


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
        self.current: Any = InMemoryJobQueue({}, hold=True)

    @property
    def kept(self) -> InMemoryJobAdmin:
        return InMemoryJobAdmin(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.current, name)


@pytest.fixture(scope="session")
def make_app() -> MakeApp:
    def make(
        queue: JobQueue,
        installed: InstalledIntegrations = SLACK,
        api: Mapping[str, Any] | None = None,
        server: ServerCheck | None = None,
        **auth: Any,
    ) -> FastAPI:
        return api_in_memory(queue, installed, {"max_body_bytes": MAX_BODY_BYTES, **(api or {})}, auth, server)

    return make


@pytest.fixture(scope="session")
def app_of(make_app: MakeApp) -> AppOf:
    """The API on a queue, made once for what is installed, and without limits: no test is refused for the others."""
    made: dict[int, tuple[FastAPI, QueueOfTheTest]] = {}

    def app_of(queue: JobQueue, installed: InstalledIntegrations = SLACK) -> FastAPI:
        if id(installed) not in made:
            passing: Any = QueueOfTheTest()
            app = make_app(passing, installed, api={"requests_at_once": 1_000_000, "open_jobs": 1_000_000})
            made[id(installed)] = app, passing
        app, passing = made[id(installed)]
        passing.current = queue
        app.state.stopping.clear()
        return app

    return app_of


@pytest.fixture
def app(app_of: AppOf, queue: InMemoryJobQueue) -> FastAPI:
    return app_of(queue)


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api")


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client
