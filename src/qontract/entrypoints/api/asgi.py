"""The API's ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from threading import Event

import anyio.to_thread
from fastapi import FastAPI

from qontract.application import tracing
from qontract.domain.processes import ProcessKind
from qontract.entrypoints.api import (
    dead_letters,
    events,
    jobs,
    operational_routes,
    reconcile,
    status,
    subscriptions,
    why,
)
from qontract.entrypoints.api.auth import ClaimsOf, claims_dependency
from qontract.entrypoints.api.middleware import LimitedBody, RequestLog
from qontract.entrypoints.api.openapi import add_desired_states
from qontract.entrypoints.api.problems import add_problems
from qontract.entrypoints.api.token_health import token_health
from qontract.entrypoints.container import Container
from qontract.entrypoints.integrations import InstalledIntegrations, usable_name
from qontract.entrypoints.process_registration import registered, this_process
from qontract.entrypoints.serving.secure_headers import SecureHeaders


def application(container: Container) -> FastAPI:
    """Return it, with routes for each installed integration.

    Raises SystemExit if the settings lack a secret for the tokens.
    """
    settings = container.settings()
    keys, revoked = container.token_keys(), container.revoked()
    claims_of = claims_dependency(settings.auth, keys, revoked)
    installed = container.installed_integrations()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with registered(container, this_process(container, ProcessKind.API, installed.classes, installed.refused)):
            yield
        await anyio.to_thread.run_sync(tracing.close)

    app = FastAPI(
        title="qontract",
        version=version("qontract"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry={"tracing": False},  # of FastAPI itself: its spans have queries in them
    )
    app.state.stopping = Event()
    add_problems(app)
    app.add_middleware(LimitedBody, limit=settings.api.max_body_bytes)
    app.add_middleware(RequestLog)
    app.add_middleware(SecureHeaders)  # the last is the outermost
    desk = reconcile.ReconcileDependencies(container.job_queue(), claims_of, settings.api, app.state.stopping)
    _add_integrations(app, installed, desk)
    server = container.server_check("api", writes=True)
    tokens = token_health(keys, revoked, accept_secret=settings.auth.accept_secret)
    app.include_router(
        operational_routes.router(server, container.job_admin(), container.measure(), installed.refused, tokens)
    )
    _add_inspection(app, container, claims_of, desk)
    return app


def _add_integrations(app: FastAPI, installed: InstalledIntegrations, desk: reconcile.ReconcileDependencies) -> None:
    for integration in installed.classes.values():
        app.include_router(reconcile.router(integration, desk))
    for name in sorted(installed.refused.keys() - installed.classes.keys()):
        if usable_name(name):
            app.include_router(reconcile.refused_router(name, installed.refused[name], desk))
    app.router.default = reconcile.unknown_path(installed.classes)
    add_desired_states(app, list(installed.classes.values()))


def _add_inspection(
    app: FastAPI, container: Container, claims_of: ClaimsOf, desk: reconcile.ReconcileDependencies
) -> None:
    app.include_router(
        events.router(container.kept_events(), container.event_manager(), container.event_format(), claims_of)
    )
    app.include_router(jobs.router(container.job_control(), claims_of, desk.limits))
    app.include_router(subscriptions.router(container.subscription_control(), claims_of))
    letters_desk = dead_letters.DeadLetterDependencies(
        container.dead_letters(),
        container.redrive_runs(),
        container.subscription_control(),
        container.event_manager(),
        claims_of,
    )
    app.include_router(dead_letters.router(letters_desk))
    app.include_router(status.router(container.status(), claims_of))
    app.include_router(why.router(container.explanations(), claims_of))
