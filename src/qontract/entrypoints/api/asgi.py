"""The API's ASGI application."""

from importlib.metadata import version
from threading import Event

from fastapi import FastAPI

from qontract.entrypoints.api import operation, slack_usergroups
from qontract.entrypoints.api.auth import scopes_in
from qontract.entrypoints.api.middleware import LimitedBody, Observed
from qontract.entrypoints.api.problems import add_problems
from qontract.entrypoints.container import Container


def application(container: Container) -> FastAPI:
    """Return it. Raises SystemExit if the settings lack a secret for the tokens."""
    settings = container.settings()
    queue = container.job_queue()
    app = FastAPI(title="qontract", version=version("qontract"), docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.stopping = Event()
    add_problems(app)
    app.add_middleware(LimitedBody, limit=settings.api.max_body_bytes)
    app.add_middleware(Observed)  # the last is the outermost
    app.include_router(slack_usergroups.router(queue, scopes_in(settings.auth)))
    app.include_router(operation.router(queue, container.measure()))
    return app
